"""REST API of search: the list of assets, search by image, and facets."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.assets import AddedSerializer, AssetViewSet
from assetbank.api.fields import user_of
from assetbank.api.pagination import PAGING, limit_of
from assetbank.api.parsers import PARSERS
from assetbank.models import AssetQuerySet
from search.api.query_params import FILTERS, MEANINGS, QUESTION, as_query, validated_form
from search.api.results import FoundPageSerializer, FoundSerializer, SearchPageSerializer, page_of
from search.indexing import pipeline
from search.models import with_index_state
from search.query import embedding, facets


class FacetValueSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    count = serializers.IntegerField()


class FacetSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="The parameter that filters by this value.")
    values = FacetValueSerializer(many=True)


class FacetsSerializer(serializers.Serializer[Any]):
    facets = FacetSerializer(many=True)
    total = serializers.IntegerField(help_text="Number of assets that match all filters.")
    capped = serializers.BooleanField(help_text="True if more assets match than are counted.")


class SearchSerializer(serializers.Serializer[Any]):
    """Accept a search image; text and filters of GET /assets/ can be sent as fields of the same
    names."""

    image = serializers.FileField(
        required=False, help_text="The search image; a small copy is stored for one day."
    )
    asset = serializers.IntegerField(required=False, help_text="Alternatively, an asset ID.")
    box = serializers.CharField(
        required=False,
        help_text="Region of the asset: left,top,right,bottom as fractions from 0 to 1.",
    )
    q = serializers.CharField(required=False, help_text=MEANINGS["q"])
    text_weight = serializers.FloatField(required=False, help_text=MEANINGS["text_weight"])
    brand = serializers.ListField(child=serializers.CharField(), required=False)
    kind = serializers.ListField(child=serializers.CharField(), required=False)
    origin = serializers.ListField(child=serializers.CharField(), required=False)
    status = serializers.ListField(child=serializers.CharField(), required=False)
    tags = serializers.CharField(required=False, help_text=MEANINGS["tags"])
    tags_any = serializers.CharField(required=False, help_text=MEANINGS["tags_any"])
    tags_none = serializers.CharField(required=False, help_text=MEANINGS["tags_none"])
    colour = serializers.CharField(required=False, help_text=MEANINGS["colour"])
    usable = serializers.BooleanField(required=False, help_text=MEANINGS["usable"])
    created_by = serializers.IntegerField(required=False, help_text=MEANINGS["created_by"])
    engine_model = serializers.ListField(child=serializers.CharField(), required=False)
    preset = serializers.ListField(child=serializers.CharField(), required=False)
    orientation = serializers.CharField(required=False)
    aspect_ratio = serializers.CharField(required=False, help_text=MEANINGS["aspect_ratio"])
    min_width = serializers.IntegerField(required=False)
    min_height = serializers.IntegerField(required=False)
    created_after = serializers.DateField(required=False)
    created_before = serializers.DateField(required=False)
    collection = serializers.IntegerField(required=False)
    captured_from = serializers.DateField(required=False, help_text=MEANINGS["captured_from"])
    captured_to = serializers.DateField(required=False, help_text=MEANINGS["captured_to"])
    captured_year = serializers.ListField(child=serializers.CharField(), required=False)
    creator = serializers.ListField(child=serializers.CharField(), required=False)
    place = serializers.ListField(child=serializers.CharField(), required=False)
    has_alt_text = serializers.CharField(required=False, help_text=MEANINGS["has_alt_text"])
    terms_to_check = serializers.BooleanField(required=False, help_text=MEANINGS["terms_to_check"])
    limit = serializers.IntegerField(required=False)


@extend_schema_serializer(component_name="DuplicateAsset")
class DuplicateSerializer(FoundSerializer):
    """The existing asset that has the uploaded bytes."""

    created = serializers.BooleanField(help_text="false: no asset was added.")
    added = AddedSerializer()

    class Meta(FoundSerializer.Meta):
        fields = [*FoundSerializer.Meta.fields, "created", "added"]
        read_only_fields = fields


@extend_schema_view(
    create=extend_schema(responses={201: FoundSerializer, 200: DuplicateSerializer}),
)
class FoundViewSet(AssetViewSet):
    """List, upload, update and delete assets, with their state in the index."""

    serializer_class = FoundSerializer

    def get_queryset(self) -> AssetQuerySet:
        return with_index_state(super().get_queryset())

    @extend_schema(
        summary="Search or list assets",
        parameters=[*QUESTION, *PAGING],
        responses=FoundPageSerializer,
    )
    def list(self, request: Request) -> Response:
        return Response(page_of(request, request.query_params, where=reverse("api-asset-list")))

    @extend_schema(
        summary="List similar assets",
        parameters=[*FILTERS, *PAGING],
        responses=FoundPageSerializer,
    )
    @action(detail=True, methods=["get"])
    def similar(self, request: Request, pk: int) -> Response:
        asset = self.get_object()
        query = request.query_params.copy()
        query["like"] = str(asset.pk)
        where = reverse("api-asset-similar", args=[asset.pk])
        return Response(page_of(request, query, where=where, ignored=("like",)))

    @extend_schema(
        summary="Reindex an asset",
        description="For an asset that is not found; CLIP runs only if its vector is missing.",
        request=None,
        responses={202: FoundSerializer},
    )
    @action(detail=True, methods=["post"])
    def index(self, request: Request, pk: int) -> Response:
        asset = self.get_object()
        permissions.require_editor(user_of(request), asset.brand)
        pipeline.reindex([asset.pk])
        pipeline.enqueue_indexing()
        return self.answer(asset, 202)


class SearchView(APIView):
    """Search by image, or with an asset."""

    parser_classes = PARSERS

    @extend_schema(
        operation_id="search",
        summary="Search by image",
        description="Send an `image` or the ID of an `asset`, with any filters of GET "
        "/assets/. Further pages are GET requests: follow `next`.",
        request={
            "multipart/form-data": SearchSerializer,
            "application/json": SearchSerializer,
        },
        responses=SearchPageSerializer,
    )
    def post(self, request: Request) -> Response:
        query, image = as_query(request.data), request.FILES.get("image")
        assets, box = list(filter(None, query.pop("asset", []))), query.pop("box", [""])[-1]
        if bool(image) == bool(assets):
            raise ValidationError({"image": ["Send either an image or an asset ID."]})
        if assets:
            query.setlist("like", [*query.getlist("like"), *assets])
        limit_of(query)
        # Validated before CLIP runs
        form = validated_form(query, request)
        picture = None
        if image:
            data = image.read(settings.MAX_UPLOAD_BYTES + 1)
            picture = embedding.save_query_image(person=user_of(request), data=data)
        elif box:
            asset = form.cleaned_data["like"][-1][0]
            query.setlist("like", query.getlist("like")[:-1])
            picture = embedding.save_query_crop(person=user_of(request), asset=asset, box=_box(box))
        if picture:
            query.appendlist("picture", str(picture.pk))
        answer = page_of(request, query, where=reverse("api-asset-list"))
        return Response({**answer, "picture": str(picture.pk) if picture else None})


def _box(text: str) -> tuple[float, float, float, float]:
    """Parse "left,top,right,bottom". Raises ValidationError."""
    try:
        left, top, right, bottom = (float(share) for share in text.split(","))
    except ValueError:
        raise ValidationError({"box": ["box must have the form left,top,right,bottom."]}) from None
    return left, top, right, bottom


class FacetsView(APIView):
    """Count the assets that each filter value matches."""

    @extend_schema(
        operation_id="facets",
        summary="Count the assets for each filter value",
        parameters=QUESTION,
        responses=FacetsSerializer,
    )
    def get(self, request: Request) -> Response:
        question = validated_form(request.query_params, request).question()
        counted = facets.count_facets(person=user_of(request), question=question)
        return Response(FacetsSerializer(counted).data)
