"""REST for assets: retrieve, upload, change, delete. `search` adds the list and routes it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assetbank import permissions
from assetbank.api.asset_serializers import AssetSerializer, EditSerializer, UploadSerializer
from assetbank.api.fields import user_of
from assetbank.api.headers import ALSO_IN, DUPLICATE, EARLIER_VERSION
from assetbank.api.parsers import PARSERS
from assetbank.api.trash import Trashing
from assetbank.assets import (
    IngestResult,
    approval,
    ingest_asset,
    update_asset,
)
from assetbank.models import Asset, AssetQuerySet


class AddedSerializer(serializers.Serializer[Any]):
    """Tags, collection and fields that an upload of the same bytes added to the existing asset."""

    tags = serializers.ListField(child=serializers.CharField())
    collection = serializers.IntegerField(allow_null=True, help_text="ID of the collection.")
    fields = serializers.ListField(  # type: ignore[assignment]
        child=serializers.CharField(), help_text="Names of fields that were empty and are set now."
    )


def _added(result: IngestResult) -> dict[str, Any]:
    added, collection = result.added, result.added.collection
    return {
        "tags": list(added.tags),
        "collection": collection.pk if collection else None,
        "fields": list(added.fields),
    }


class AssetViewSet(Trashing, GenericViewSet[Asset]):
    """One asset; `search` subclasses this view set and routes it."""

    serializer_class = AssetSerializer
    queryset = Asset.objects.none()
    lookup_value_converter = "int"

    def get_queryset(self) -> AssetQuerySet:
        return (
            permissions.assets(user_of(self.request))
            .with_tags()
            .with_author()
            .select_related("brand")
            .order_by("-created_at", "-id")
        )

    def get_parsers(self) -> list[BaseParser]:
        """Accept only multipart forms for uploads; JSON and forms for everything else."""
        uploads = self.action_map.get("post") == "create"
        return [parser() for parser in PARSERS if parser is MultiPartParser or not uploads]

    def answer(
        self,
        asset: Asset,
        status: int = 200,
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> Response:
        """Return a response with the asset, fetched again, and the fields of `more`."""
        asset = self.get_queryset().get(pk=asset.pk)
        data = {**self.get_serializer(asset).data, **(more or {})}
        return Response(data, status=status, headers=headers)

    @extend_schema(summary="Get an asset")
    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        summary="Upload an image",
        description="Returns 200 with the existing asset if the brand already has the same bytes, "
        "or had them in an earlier version. It gets the tags and the collection of the request, "
        "and the fields that it lacks: `added` names them.",
        request=UploadSerializer,
        parameters=[DUPLICATE, EARLIER_VERSION, ALSO_IN],
    )
    def create(self, request: Request) -> Response:
        upload = UploadSerializer(data=request.data, context=self.get_serializer_context())
        upload.is_valid(raise_exception=True)
        fields = upload.validated_data
        file, brand = fields.pop("file"), fields.pop("brand")
        permissions.require_editor(user_of(request), brand)
        if not fields.get("title"):
            fields.pop("title", None)
        if not fields.get("digital_source_type"):
            fields.pop("digital_source_type", None)  # the file's own source type is used
        by = user_of(request)
        result = ingest_asset(
            brand=brand, file=file, filename=file.name, by=by, complete=True, **fields
        )
        copies = permissions.copies_in_other_brands(user_of(request), result.asset)
        headers = {"Also-In": slugs} if (slugs := ",".join(a.brand.slug for a in copies)) else {}
        if result.version:
            headers["Duplicate-Version"] = str(result.version)
        if not result.created:
            more = {"created": False, "added": _added(result)}
            return self.answer(result.asset, 200, {**headers, "Duplicate": "true"}, more)
        return self.answer(result.asset, 201, {**headers, "Location": self._address(result.asset)})

    @extend_schema(
        summary="Update the metadata of an asset",
        description="Requires the creator role; changing `status` requires the manager role. "
        "The file does not change: see `versions/`.",
        request=EditSerializer,
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        edit = EditSerializer(data=request.data, partial=True)
        edit.is_valid(raise_exception=True)
        with transaction.atomic():  # locked, so that concurrent edits do not overwrite each other
            asset = get_object_or_404(
                permissions.assets(user_of(request)).select_for_update(of=("self",)), pk=pk
            )
            permissions.require_editor(user_of(request), asset.brand)
            changes = {**edit.validated_data}
            status = changes.pop("status", asset.status)
            if status != asset.status:
                permissions.require_manager(user_of(request), asset.brand)
            update_asset(asset=asset, **changes)
            approval.change_status(asset=asset, by=user_of(request), status=status)
        return self.answer(asset)

    def _address(self, asset: Asset) -> str:
        return self.request.build_absolute_uri(reverse("api-asset-detail", args=[asset.pk]))
