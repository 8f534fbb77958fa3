"""REST for the history of assets and brands: list changes, and undo one of an asset."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import user_of
from assetbank.api.parsers import PARSERS
from assetbank.assets import undo_change
from assetbank.history import PAGE, Change, FieldChange, changes_of
from assetbank.models import Asset

BEFORE = OpenApiParameter(
    "before", OpenApiTypes.DATETIME, description="Only changes before this; follow `next` instead."
)


class FieldChangeSerializer(serializers.Serializer[FieldChange]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    before = serializers.JSONField(help_text="Of tags: the removed ones.")
    after = serializers.JSONField(help_text="Of tags: the added ones.")


class ChangeSerializer(serializers.Serializer[Change]):
    id = serializers.CharField()
    at = serializers.DateTimeField()
    action = serializers.CharField(help_text="created, changed or deleted.")
    by = serializers.CharField(help_text="User name; empty: the system, or SQL by hand.")
    fields = FieldChangeSerializer(many=True)  # type: ignore[assignment]


class ChangesSerializer(serializers.Serializer[Any]):
    results = ChangeSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Address of the next page, or null.")


class UndoSerializer(serializers.Serializer[Any]):
    change = serializers.CharField(max_length=40, help_text="`id` of the change.")


class AssetHistoryView(APIView):
    @extend_schema(
        operation_id="assets_history_list",
        summary="List the changes of an asset",
        description="Newest first, also those that were made in bulk or in the database. Requires "
        "the creator role.",
        parameters=[BEFORE],
        responses=ChangesSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        return _page(request, _asset(request, pk))


class AssetUndoView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        operation_id="assets_history_undo",
        summary="Undo a change of an asset",
        description="Sets the fields and tags of the change back, unless they were changed again "
        "since. Requires the creator role.",
        request=UndoSerializer,
        responses=ChangesSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        serializer = UndoSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asset = _asset(request, pk)
        change = serializer.validated_data["change"]
        undo_change(asset=asset, change_id=change, by=user_of(request))
        return _page(request, asset)


class BrandHistoryView(APIView):
    @extend_schema(
        operation_id="brands_history_list",
        summary="List the changes of a brand",
        description="Newest first. Requires the manager role.",
        parameters=[BEFORE],
        responses=ChangesSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        brand = get_object_or_404(permissions.brands(user_of(request)), slug=slug)
        permissions.require_manager(user_of(request), brand)
        return _page(request, brand)


def _asset(request: Request, pk: int) -> Asset:
    visible = permissions.assets(user_of(request)).select_related("brand")
    asset = get_object_or_404(visible, pk=pk)
    permissions.require_editor(user_of(request), asset.brand)
    return asset


def _page(request: Request, row: Model) -> Response:
    """Return a page of the changes of a row. Raises ValidationError for an invalid `before`."""
    before = None
    if given := request.query_params.get("before"):
        before = serializers.DateTimeField().to_internal_value(given)
    found = changes_of(row, before=before, limit=PAGE + 1)
    shown, following = found[:PAGE], None
    if len(found) > PAGE:
        address = request.build_absolute_uri(request.path)
        following = f"{address}?{urlencode({'before': shown[-1].at.isoformat()})}"
    return Response({"results": [_as_json(change) for change in shown], "next": following})


def _as_json(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "at": change.at,
        "action": change.action,
        "by": change.by,
        "fields": [
            {
                "name": each.name,
                "label": each.label,
                "before": _value(each.before),
                "after": _value(each.after),
            }
            for each in change.fields
        ],
    }


def _value(value: Any) -> Any:
    """Return a value that JSON can represent."""
    return value.isoformat() if isinstance(value, datetime.date) else value
