"""REST API of duplicate images."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import user_of
from assetbank.api.pagination import PAGING, limit_of
from assetbank.api.parsers import PARSERS
from assetbank.assets import merge
from assetbank.models import Asset
from assetbank.text import parse_id
from search.api.results import FoundSerializer
from search.duplicates import dismissals, groups
from search.models import with_index_state

MAX_ASSETS = 100  # assets per request
BRAND = OpenApiParameter(
    "brand", OpenApiTypes.STR, description="Brand slug; default: all of your brands."
)


class GroupSerializer(serializers.Serializer[Any]):
    brand = serializers.CharField(source="best.brand.slug")
    best = serializers.IntegerField(source="best.pk", help_text="ID of the best copy.")
    reason = serializers.CharField(help_text="Reason why it is the best copy.")
    size = serializers.IntegerField(
        help_text=f"Size of the group; at most {groups.MAX_SHOWN} assets are listed."
    )
    assets = FoundSerializer(many=True, help_text="Best copy first.")


@extend_schema_serializer(many=False)
class GroupPageSerializer(serializers.Serializer[Any]):
    results = GroupSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="URL of the next page, or null.")
    total = serializers.IntegerField(
        help_text="Number of groups on all pages; merging can reveal more."
    )


def _ids(**options: Any) -> serializers.ListField:
    child = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    return serializers.ListField(child=child, allow_empty=False, max_length=MAX_ASSETS, **options)


class MergeSerializer(serializers.Serializer[Any]):
    keep = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="Id.")
    others = _ids(help_text="IDs of assets of the same brand; they are archived.")


class MergedSerializer(serializers.Serializer[Any]):
    kept = FoundSerializer()
    archived = _ids(help_text="Ids.")


class NotTheSameSerializer(serializers.Serializer[Any]):
    assets = _ids(
        help_text="IDs of two or more assets of one brand that are not duplicates of each other."
    )


class ToldApartSerializer(serializers.Serializer[Any]):
    told_apart = serializers.IntegerField(
        help_text="Number of pairs that are newly marked as not duplicates."
    )


class DuplicatesView(APIView):
    @extend_schema(
        operation_id="duplicates",
        summary="List groups of duplicates",
        description="Resized, recompressed, cropped or recoloured copies, detected in the "
        "background; newest group first.",
        parameters=[BRAND, *PAGING],
        responses=GroupPageSerializer,
    )
    def get(self, request: Request) -> Response:
        brands = permissions.brands(user_of(request))
        if slug := request.query_params.get("brand"):
            brands = brands.filter(slug=slug.replace("\x00", "\ufffd"))
            if not brands.exists():
                raise ValidationError(
                    {"brand": ["You are not a member of a brand with this slug."]}
                )
        found = groups.page(
            brands,
            visible=groups.visible_assets(user_of(request)),
            before=_cursor(request),
            limit=limit_of(request.query_params),
        )
        following = None
        if found.next:
            query = request.query_params.copy()
            query["cursor"] = str(found.next)
            following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        answer = {"results": found.groups, "next": following, "total": found.total}
        return Response(GroupPageSerializer(answer, context={"request": request}).data)


class MergeView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        operation_id="duplicates_merge",
        summary="Merge duplicate assets",
        description="Tags, collections and derivatives move to the kept asset; the other "
        "assets are archived. Requires the manager role.",
        request=MergeSerializer,
        responses=MergedSerializer,
    )
    def post(self, request: Request) -> Response:
        given = MergeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        keep, *others = _assets(
            request, keep=[given.validated_data["keep"]], others=given.validated_data["others"]
        )
        merged = merge.merge_assets(keep=keep, others=others, by=user_of(request))
        seen = with_index_state(permissions.assets(user_of(request)).with_tags())
        kept = seen.select_related("brand", "created_by").get(pk=merged.kept.pk)
        answer = {"kept": kept, "archived": list(merged.archived)}
        return Response(MergedSerializer(answer, context={"request": request}).data)


class NotTheSameView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        operation_id="duplicates_not_the_same",
        summary="Mark assets as not duplicates",
        description="Stored by checksum: they are never suggested as duplicates again, even "
        "if deleted and uploaded again. Requires the creator role.",
        request=NotTheSameSerializer,
        responses=ToldApartSerializer,
    )
    def post(self, request: Request) -> Response:
        given = NotTheSameSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        assets = _assets(request, assets=given.validated_data["assets"])
        for asset in assets:
            permissions.require_editor(user_of(request), asset.brand)
        dismissed = dismissals.dismiss(assets, by=user_of(request))
        return Response(ToldApartSerializer({"told_apart": len(dismissed)}).data)


def _assets(request: Request, **given: list[int]) -> list[Asset]:
    """Return the assets in the order of the request, each once. Raises ValidationError."""
    seen = permissions.assets(user_of(request)).select_related("brand")
    found = seen.in_bulk({pk for ids in given.values() for pk in ids})
    for name, ids in given.items():
        if missing := [str(pk) for pk in ids if pk not in found]:
            raise ValidationError({name: [f"There is no asset with ID {', '.join(missing[:20])}."]})
    return [found[pk] for pk in dict.fromkeys(pk for ids in given.values() for pk in ids)]


def _cursor(request: Request) -> int | None:
    """Return the id in the parameter `cursor`, or None. Raises ValidationError."""
    text = request.query_params.get("cursor", "")
    if not text:
        return None
    if (before := parse_id(text)) is None:
        raise ValidationError(
            {"cursor": ["This page does not exist. Start again without a cursor."]}
        )
    return before
