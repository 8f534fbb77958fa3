"""REST for the trash: list it, move assets there, restore them, delete them for good."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from assetbank import permissions
from assetbank.api.fields import BrandField, user_of
from assetbank.api.pagination import Pages
from assetbank.api.parsers import PARSERS
from assetbank.assets import trash
from assetbank.models import Asset, AssetQuerySet

MAX_AT_ONCE = 1_000
PERMANENTLY = OpenApiParameter(
    "permanently",
    OpenApiTypes.BOOL,
    default=False,
    description="Delete it for good with its files, also from the trash. See `impact` of "
    "`/api/v1/trash/{id}/` before.",
)


class TrashedSerializer(serializers.ModelSerializer[Asset]):
    """An asset in the trash."""

    brand = BrandField(read_only=True)
    deleted_by = serializers.CharField(
        source="deleted_by.username", default=None, allow_null=True, help_text="Username."
    )
    days_left = serializers.IntegerField(
        source="trash_days_left",
        allow_null=True,
        help_text="Days until it is deleted for good, rounded up; null: that never happens by "
        "itself.",
    )
    file = serializers.SerializerMethodField(help_text="URL of the original file, unchanged.")
    thumbnail = serializers.SerializerMethodField(help_text="URL of a WebP rendition.")

    class Meta:
        model = Asset
        fields = [
            *("id", "title", "brand", "filename", "checksum", "bytes", "status"),
            *("deleted_at", "deleted_by", "days_left", "file", "thumbnail"),
        ]
        read_only_fields = fields

    def get_file(self, asset: Asset) -> str:
        return self._absolute(asset.original_url)

    def get_thumbnail(self, asset: Asset) -> str:
        return self._absolute(asset.grid_url)

    def _absolute(self, address: str) -> str:
        absolute: str = self.context["request"].build_absolute_uri(address)
        return absolute


class TrashedDetailSerializer(TrashedSerializer):
    """An asset in the trash, with what is lost once it is deleted for good."""

    impact = serializers.SerializerMethodField(help_text="What a permanent deletion affects.")

    class Meta(TrashedSerializer.Meta):
        fields = [*TrashedSerializer.Meta.fields, "impact"]
        read_only_fields = fields

    def get_impact(self, asset: Asset) -> list[str]:
        return trash.impact(Asset.all_objects.filter(pk=asset.pk)).sentences


class ChosenSerializer(serializers.Serializer[Any]):
    assets = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=MAX_AT_ONCE,
        allow_empty=False,
        help_text=f"IDs of assets, at most {MAX_AT_ONCE}.",
    )


class ResultSerializer(serializers.Serializer[trash.TrashResult]):
    done = serializers.ListField(
        child=serializers.IntegerField(), help_text="IDs of the assets that were changed."
    )
    skipped = serializers.DictField(
        child=serializers.IntegerField(), help_text="Number of the others by the reason."
    )


@extend_schema_view(
    list=extend_schema(
        summary="List the assets in the trash",
        description="Of the brands that you manage, the latest first.",
    ),
    retrieve=extend_schema(
        summary="Get an asset in the trash, and what its permanent deletion affects",
        responses=TrashedDetailSerializer,
    ),
)
class TrashViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Asset]):
    parser_classes = PARSERS
    serializer_class = TrashedSerializer
    pagination_class = Pages
    ordering = ("-deleted_at", "-id")
    lookup_value_converter = "int"
    queryset = Asset.objects.none()

    def get_queryset(self) -> AssetQuerySet:
        found = permissions.trash(user_of(self.request))
        return found.select_related("brand", "deleted_by").order_by(*self.ordering)

    def get_serializer_class(self) -> Any:
        return TrashedDetailSerializer if self.action == "retrieve" else TrashedSerializer

    @extend_schema(
        summary="Move assets to the trash",
        description="Requires the manager role in their brands; others are skipped.",
        request=ChosenSerializer,
        responses=ResultSerializer,
    )
    def create(self, request: Request) -> Response:
        chosen = permissions.assets(user_of(request)).filter(pk__in=_chosen(request))
        return _answer(trash.trash_assets(assets=chosen, by=user_of(request)))

    @extend_schema(
        summary="Restore assets from the trash",
        description="Back into their collections and duplicates, as they were.",
        request=ChosenSerializer,
        responses=ResultSerializer,
    )
    @action(detail=False, methods=["post"])
    def restore(self, request: Request) -> Response:
        chosen = permissions.trash(user_of(request)).filter(pk__in=_chosen(request))
        return _answer(trash.restore_assets(assets=chosen, by=user_of(request)))

    @extend_schema(
        summary="Delete assets in the trash for good",
        description="With their files. Generations keep their records of them.",
        request=ChosenSerializer,
        responses=ResultSerializer,
    )
    @action(detail=False, methods=["post"])
    def purge(self, request: Request) -> Response:
        chosen = permissions.trash(user_of(request)).filter(pk__in=_chosen(request))
        return _answer(trash.purge_assets(assets=chosen, by=user_of(request)))


class Trashing:
    """Mixin for the view set of assets: deletes one."""

    @extend_schema(
        summary="Move an asset to the trash, or delete it for good",
        description="Requires the manager role. `/api/v1/trash/` lists the trash; `POST "
        "/api/v1/assets/{id}/restore/` restores an asset.",
        parameters=[PERMANENTLY],
    )
    def destroy(self, request: Request, pk: int) -> Response:
        permanently = _is_true(request.query_params.get("permanently", ""))
        by = user_of(request)
        seen = permissions.assets_and_trash(by) if permanently else permissions.assets(by)
        asset = get_object_or_404(seen.select_related("brand"), pk=pk)
        permissions.require_manager(by, asset.brand)
        with transaction.atomic():
            trash.trash_assets(assets=[asset], by=by)
            if permanently:
                trash.purge_assets(assets=[asset], by=by)
        return Response(status=204)


class RestoreView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        operation_id="assets_restore",
        summary="Restore an asset from the trash",
        description="Requires the manager role. It is what it was before.",
        request=None,
        responses=ResultSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        asset = get_object_or_404(permissions.trash(user_of(request)), pk=pk)
        return _answer(trash.restore_assets(assets=[asset], by=user_of(request)))


def _chosen(request: Request) -> list[int]:
    given = ChosenSerializer(data=request.data)
    given.is_valid(raise_exception=True)
    ids: list[int] = given.validated_data["assets"]
    return ids


def _answer(result: trash.TrashResult) -> Response:
    return Response(ResultSerializer(result).data)


def _is_true(given: str) -> bool:
    """Return the value of a query parameter. Raises ValidationError if it is no boolean."""
    return bool(given) and serializers.BooleanField().run_validation(given)
