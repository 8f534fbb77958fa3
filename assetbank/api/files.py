"""REST for an asset's file: downloads in other sizes and formats, Content Credentials."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import user_of
from assetbank.assets import downloads
from assetbank.models import Asset
from assetbank.rights import content_credentials
from assetbank.views.files import as_download


class DownloadSerializer(serializers.Serializer[Any]):
    format = serializers.ChoiceField(list(downloads.FORMATS), default="jpeg")
    side = serializers.IntegerField(
        required=False,
        min_value=downloads.MIN_SIDE,
        max_value=downloads.MAX_SIDE,
        help_text="Maximum longest side in pixels; images are never enlarged.",
    )


class ActionSerializer(serializers.Serializer[Any]):
    said = serializers.CharField()
    when = serializers.CharField()
    source_type = serializers.CharField(help_text="IPTC digital source type.")


class CredentialsSerializer(serializers.Serializer[Any]):
    state = serializers.CharField(help_text=", ".join(content_credentials.STATES))
    said = serializers.CharField(help_text="The state as a sentence.")
    signer = serializers.CharField()
    issuer = serializers.CharField()
    when = serializers.CharField(help_text="Time of a trusted timestamp; often empty.")
    made_with = serializers.CharField()
    title = serializers.CharField()
    actions = ActionSerializer(many=True)
    ingredients = serializers.ListField(child=serializers.CharField())
    address = serializers.CharField(
        help_text="URL of the manifest if it is not embedded in the file."
    )


class FoundCredentialsSerializer(serializers.Serializer[Any]):
    credentials = CredentialsSerializer(allow_null=True)


class DownloadView(APIView):
    @extend_schema(
        summary="Download an asset in another size or format",
        description="Upright and in sRGB. Metadata and digital source type of the asset are "
        "written as XMP and EXIF, in JPEG and TIFF also as IPTC-IIM. Quarantined assets can be "
        "downloaded by managers only.",
        parameters=[
            OpenApiParameter("format", enum=list(downloads.FORMATS), default="jpeg"),
            OpenApiParameter(
                "side", int, description="Maximum longest side in pixels, 16 to 8000."
            ),
        ],
        responses={(200, "image/*"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        serializer = DownloadSerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        asset = _asset(request, pk)
        downloads.require_download(user_of(request), asset)
        return as_download(
            downloads.render_download(
                asset=asset,
                fmt=serializer.validated_data["format"],
                side=serializer.validated_data.get("side"),
                location=permissions.keeps_location(asset),
                by=user_of(request),
            )
        )


class CredentialsView(APIView):
    @extend_schema(
        summary="Get the Content Credentials of the original file",
        description="Read from the file only: remote manifests are not fetched, and the trust of "
        "signers is not checked.",
        responses=FoundCredentialsSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        credentials = downloads.read_credentials(_asset(request, pk))
        return Response({"credentials": credentials.as_dict() if credentials else None})


def _asset(request: Request, pk: int) -> Asset:
    return get_object_or_404(permissions.downloadable(user_of(request), with_trash=True), pk=pk)
