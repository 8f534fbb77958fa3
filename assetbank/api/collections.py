"""REST for collections and their assets."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django_filters.rest_framework import (  # type: ignore[import-untyped]
    CharFilter,
    DjangoFilterBackend,
    FilterSet,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from assetbank import permissions
from assetbank.api.fields import BrandField, user_of
from assetbank.api.pagination import Pages
from assetbank.api.parsers import PARSERS
from assetbank.assets import collections
from assetbank.models import Asset, Collection

MAX_AT_ONCE = 1_000


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    brand = BrandField(help_text="Slug of the brand; cannot be changed later.")
    asset_count = serializers.IntegerField(read_only=True)
    created_by = serializers.CharField(
        source="created_by.username", default=None, allow_null=True, read_only=True
    )

    class Meta:
        model = Collection
        fields = ["id", "name", "description", "brand", "asset_count", "created_by", "created_at"]
        validators: list[Any] = []  # a constraint and `create_collection` check the name

    def validate_brand(self, brand: Any) -> Any:
        if self.instance and brand != self.instance.brand:
            raise serializers.ValidationError("The brand of a collection cannot be changed.")
        return brand

    def update(self, collection: Collection, data: dict[str, Any]) -> Collection:
        try:
            with transaction.atomic():
                return super().update(collection, data)
        except IntegrityError as error:
            raise serializers.ValidationError(
                {
                    "name": [
                        "This brand already has a collection with this name. Choose another name."
                    ]
                }
            ) from error


class CollectionDetailSerializer(CollectionSerializer):
    assets = serializers.SerializerMethodField(
        help_text="Asset IDs, in the order of the collection."
    )

    class Meta(CollectionSerializer.Meta):
        fields = [*CollectionSerializer.Meta.fields, "assets"]

    def get_assets(self, collection: Collection) -> list[int]:
        visible = permissions.assets(user_of(self.context["request"]))
        items = collection.items.filter(asset__in=visible.filter(brand=collection.brand_id))
        return list(items.values_list("asset_id", flat=True))


class AppendSerializer(serializers.Serializer[Any]):
    assets = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        allow_empty=False,
        max_length=MAX_AT_ONCE,
        help_text="IDs of assets of the same brand, in order.",
    )


class CollectionFilter(FilterSet):  # type: ignore[misc]
    brand = CharFilter("brand__slug", label="Brand slug.")


@extend_schema_view(
    list=extend_schema(summary="List the collections of your brands"),
    create=extend_schema(
        summary="Create a collection", responses={201: CollectionDetailSerializer}
    ),
    retrieve=extend_schema(summary="Get a collection with its asset IDs"),
    partial_update=extend_schema(summary="Rename or describe a collection"),
    destroy=extend_schema(summary="Delete a collection", description="Its assets are kept."),
)
class CollectionViewSet(ModelViewSet[Collection]):
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    parser_classes = PARSERS
    serializer_class = CollectionDetailSerializer
    pagination_class = Pages
    filter_backends = [DjangoFilterBackend]
    filterset_class = CollectionFilter
    ordering = ("name", "id")
    lookup_value_converter = "int"
    queryset = Collection.objects.none()

    def get_queryset(self) -> QuerySet[Collection]:
        user = user_of(self.request)
        # Items of another brand or hidden from the user are not counted
        visible_items = Q(items__asset__brand=F("brand"), items__asset__in=permissions.assets(user))
        return (
            permissions.collections(user)
            .select_related("brand", "created_by")
            .annotate(asset_count=Count("items", filter=visible_items))
            .order_by("name", "id")
        )

    def get_serializer_class(self) -> type[CollectionSerializer]:
        return CollectionSerializer if self.action == "list" else CollectionDetailSerializer

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = user_of(request)
        permissions.require_editor(user, serializer.validated_data["brand"])
        collection = collections.create_collection(by=user, **serializer.validated_data)
        address = reverse("api-collection-detail", args=[collection.pk])
        return Response(
            self.get_serializer(self.get_queryset().get(pk=collection.pk)).data,
            status=201,
            headers={"Location": request.build_absolute_uri(address)},
        )

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        permissions.require_editor(user_of(request), self.get_object().brand)
        return super().partial_update(request, *args, **kwargs)

    def perform_destroy(self, instance: Collection) -> None:
        permissions.require_editor(user_of(self.request), instance.brand)
        collections.delete_collection(collection=instance)

    @extend_schema(
        summary="Append assets",
        description="Assets that are already in the collection keep their position.",
        request=AppendSerializer,
        responses=CollectionDetailSerializer,
    )
    @action(detail=True, methods=["post"], url_path="assets")
    def assets(self, request: Request, pk: int) -> Response:
        collection = self.get_object()
        permissions.require_editor(user_of(request), collection.brand)
        append = AppendSerializer(data=request.data)
        append.is_valid(raise_exception=True)
        ids = append.validated_data["assets"]
        visible = permissions.assets(user_of(request)).filter(brand=collection.brand).in_bulk(ids)
        if missing := [str(pk) for pk in ids if pk not in visible]:
            raise serializers.ValidationError(
                {"assets": [f"{collection.brand} has no asset with ID {', '.join(missing[:20])}."]}
            )
        collections.add_assets(
            collection=collection, assets=[visible[pk] for pk in dict.fromkeys(ids)]
        )
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        summary="Remove an asset from a collection",
        parameters=[
            OpenApiParameter("asset_id", OpenApiTypes.INT, "path", description="Asset ID.")
        ],
        responses={204: None},
    )
    @action(detail=True, methods=["delete"], url_path="assets/<int:asset_id>")
    def asset(self, request: Request, pk: int, asset_id: int) -> Response:
        collection = self.get_object()
        permissions.require_editor(user_of(request), collection.brand)
        asset = get_object_or_404(Asset.objects.filter(brand=collection.brand), pk=asset_id)
        get_object_or_404(collection.items, asset=asset)
        collections.remove_assets(collection=collection, assets=[asset])
        return Response(status=204)
