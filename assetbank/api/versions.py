"""REST for the versions of an asset's file: list, replace, restore."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import user_of
from assetbank.api.parsers import PARSERS
from assetbank.assets import versions
from assetbank.models import Asset, AssetVersion

NUMBER = OpenApiParameter(
    "number", OpenApiTypes.INT, OpenApiParameter.PATH, description="Number of the version, from 1."
)


class AssetVersionSerializer(serializers.ModelSerializer[AssetVersion]):
    current = serializers.SerializerMethodField(help_text="True for the asset's current file.")
    created_by = serializers.CharField(
        source="created_by.username", default=None, allow_null=True, help_text="Username."
    )
    file = serializers.SerializerMethodField(help_text="URL of the original file, unchanged.")
    thumbnail = serializers.SerializerMethodField(
        help_text="URL of a WebP rendition, 480 pixels per side, up to 600 of a small picture."
    )
    preview = serializers.SerializerMethodField(
        help_text="URL of a WebP rendition, maximum 1600 pixels per side."
    )

    class Meta:
        model = AssetVersion
        fields = [
            *("number", "current", "restored_from", "reason", "created_by", "created_at"),
            *("filename", "checksum", "mime", "width", "height", "bytes", "colours"),
            *("digital_source_type", "file", "thumbnail", "preview"),
        ]
        read_only_fields = fields

    def get_current(self, version: AssetVersion) -> bool:
        return version.number == version.asset.version

    def get_file(self, version: AssetVersion) -> str:
        return self._absolute(version.original_url)

    def get_thumbnail(self, version: AssetVersion) -> str:
        return self._absolute(version.grid_url)

    def get_preview(self, version: AssetVersion) -> str:
        return self._absolute(version.preview_url)

    def _absolute(self, path: str) -> str:
        absolute: str = self.context["request"].build_absolute_uri(path)
        return absolute


class RestoreSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=versions.MAX_REASON_LENGTH,
        help_text="Shown in the list of versions.",
    )


class ReplaceSerializer(RestoreSerializer):
    file = serializers.FileField(
        help_text="The new image file; stored unchanged.", allow_empty_file=True
    )


class VersionsView(APIView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="assets_versions_list",
        summary="List the versions of an asset's file",
        description="The current one first. Requires the creator role in the brand.",
        responses=AssetVersionSerializer(many=True),
    )
    def get(self, request: Request, pk: int) -> Response:
        rows = versions.list_versions(_asset(request, pk))
        return Response(AssetVersionSerializer(rows, many=True, context={"request": request}).data)

    @extend_schema(
        operation_id="assets_versions_create",
        summary="Replace the file of an asset",
        description="The earlier file stays as a version. Metadata, usage rights, tags, "
        "collections and addresses stay; an approved asset becomes a draft, unless its brand "
        "keeps approvals (`replacement_policy`). Requires the creator role. 409 `same_file`: this "
        "is the current file already, or that of another asset of the brand, whose ID is in "
        "`asset`.",
        request=ReplaceSerializer,
        responses={201: AssetVersionSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        asset = _asset(request, pk)
        replacement = ReplaceSerializer(data=request.data)
        replacement.is_valid(raise_exception=True)
        file = replacement.validated_data["file"]
        version = versions.replace_file(
            asset=asset,
            file=file,
            filename=file.name,
            by=user_of(request),
            reason=replacement.validated_data["reason"],
        )
        return _created(request, version)


class VersionView(APIView):
    @extend_schema(
        operation_id="assets_versions_retrieve",
        summary="Get a version of an asset's file",
        description="Requires the creator role in the brand.",
        parameters=[NUMBER],
        responses=AssetVersionSerializer,
    )
    def get(self, request: Request, pk: int, number: int) -> Response:
        version = versions.get_version(_asset(request, pk), number)
        return Response(AssetVersionSerializer(version, context={"request": request}).data)


class RestoreVersionView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        operation_id="assets_versions_restore",
        summary="Restore an earlier version of an asset's file",
        description="Its file becomes current as a new version. Requires the creator role.",
        request=RestoreSerializer,
        parameters=[NUMBER],
        responses={201: AssetVersionSerializer},
    )
    def post(self, request: Request, pk: int, number: int) -> Response:
        asset = _asset(request, pk)
        restoration = RestoreSerializer(data=request.data)
        restoration.is_valid(raise_exception=True)
        version = versions.restore_version(
            asset=asset,
            number=number,
            by=user_of(request),
            reason=restoration.validated_data["reason"],
        )
        return _created(request, version)


def _asset(request: Request, pk: int) -> Asset:
    visible = permissions.assets(user_of(request)).select_related("brand", "created_by")
    asset = get_object_or_404(visible, pk=pk)
    versions.require_access(user_of(request), asset)
    return asset


def _created(request: Request, version: AssetVersion) -> Response:
    address = reverse("api-asset-version", args=[version.asset_id, version.number])
    return Response(
        AssetVersionSerializer(version, context={"request": request}).data,
        status=201,
        headers={"Location": request.build_absolute_uri(address)},
    )
