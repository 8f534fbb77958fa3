"""REST for assets: retrieve, upload, change, delete. `search` adds the list and routes it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assetbank import permissions
from assetbank.api.fields import BrandField, TagsField, YesNoField, user_of
from assetbank.api.parsers import PARSERS
from assetbank.api.trash import Trashing
from assetbank.assets import approval, ingest_asset, update_asset
from assetbank.models import Asset, AssetQuerySet, Collection
from assetbank.rights import terms

DUPLICATE = OpenApiParameter(
    "Duplicate",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="`true`: the brand already has an asset with the same bytes; nothing was added.",
    response=[200],
)
ALSO_IN = OpenApiParameter(
    "Also-In",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Slugs of your other brands that have the same bytes, separated by commas.",
    response=[200, 201],
)


class AssetSerializer(serializers.ModelSerializer[Asset]):
    """An asset in responses; brand, tags and author should be fetched with it.

    The declared fields are the schema. `to_representation` builds the same dict by hand: DRF's loop
    over fields took half of the time of a page whose search was cached.
    """

    brand = BrandField(read_only=True)
    tags = serializers.ListField(child=serializers.CharField())
    kind = serializers.CharField(help_text=", ".join(Asset.Kind.values))
    origin = serializers.CharField(help_text=", ".join(Asset.Origin.values))
    status = serializers.CharField(help_text=", ".join(Asset.Status.values))
    file = serializers.URLField(help_text="URL of the original file, unchanged.")
    thumbnail = serializers.URLField(
        help_text="URL of a WebP rendition, maximum 480 pixels per side."
    )
    preview = serializers.URLField(
        help_text="URL of a WebP rendition, maximum 1600 pixels per side."
    )
    generation = serializers.IntegerField(
        allow_null=True, help_text="ID of the generation that created it; null for other origins."
    )
    created_by = serializers.CharField(allow_null=True, help_text="Username.")
    rights_problem = serializers.CharField(
        allow_null=True, help_text="Reason why the asset is not usable today; null if it is usable."
    )
    digital_source_type = serializers.CharField(
        help_text="IPTC digital source type, for example trainedAlgorithmicMedia (made with AI); "
        "often empty."
    )

    class Meta:
        model = Asset
        fields = [
            *("id", "title", "description", "brand", "tags", "kind", "origin", "status"),
            *("width", "height", "bytes", "mime", "filename", "checksum"),
            *("licence", "credit", "expires_on", "derivatives_allowed", "territories"),
            *("consent", "consent_until", "rights_problem", "file", "thumbnail", "preview"),
            *(
                "generation",
                "engine_model",
                "prompt",
                "digital_source_type",
                "created_by",
                "created_at",
                "updated_at",
            ),
        ]
        read_only_fields = fields

    @cached_property
    def _root(self) -> str:
        """Scheme and host of the request, without a trailing slash."""
        root: str = self.context["request"].build_absolute_uri("/")
        return root.rstrip("/")

    def to_representation(self, asset: Asset) -> dict[str, Any]:
        return {
            "id": asset.pk,
            "title": asset.title,
            "description": asset.description,
            "brand": asset.brand.slug,
            "tags": asset.tag_names,
            "kind": asset.kind,
            "origin": asset.origin,
            "status": asset.status,
            "width": asset.width,
            "height": asset.height,
            "bytes": asset.bytes,
            "mime": asset.mime,
            "filename": asset.filename,
            "checksum": asset.checksum,
            "licence": asset.licence,
            "credit": asset.credit,
            "expires_on": asset.expires_on,
            "derivatives_allowed": asset.derivatives_allowed,
            "territories": asset.territories,
            "consent": asset.consent,
            "consent_until": asset.consent_until,
            "rights_problem": terms.usage_problem(asset),
            "file": self._root + asset.original_url,
            "thumbnail": self._root + asset.grid_url,
            "preview": self._root + asset.preview_url,
            "generation": asset.generation_id,
            "engine_model": asset.engine_model,
            "prompt": asset.prompt,
            "digital_source_type": asset.digital_source_type,
            "created_by": asset.author,
            "created_at": asset.created_at,
            "updated_at": asset.updated_at,
        }


class MetadataSerializer(serializers.Serializer[Any]):
    """Metadata and terms that a request may set."""

    description = serializers.CharField(required=False, allow_blank=True)
    kind = serializers.ChoiceField(Asset.Kind.choices, required=False)
    tags = TagsField(
        required=False, help_text="A list of tags, or a string with commas between them."
    )
    licence = serializers.CharField(required=False, allow_blank=True, max_length=200)
    credit = serializers.CharField(required=False, allow_blank=True, max_length=200)
    expires_on = serializers.DateField(
        required=False, allow_null=True, help_text="Last day of the usage rights."
    )
    derivatives_allowed = YesNoField(required=False, help_text="Whether derivatives are allowed.")
    territories = TagsField(
        required=False,
        help_text="ISO 3166 country codes where it may be used, for example DE; empty: worldwide.",
    )
    consent = serializers.ChoiceField(Asset.Consent.choices, required=False)
    consent_until = serializers.DateField(
        required=False,
        allow_null=True,
        help_text="Last day of the consent of the people shown.",
    )
    digital_source_type = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=40,
        help_text="IPTC digital source type, for example trainedAlgorithmicMedia. The studio sets "
        "it for generated assets.",
    )


class UploadSerializer(MetadataSerializer):
    """A new asset."""

    file = serializers.FileField(
        help_text="The image file; stored unchanged.", allow_empty_file=True
    )
    brand = BrandField(help_text="Slug of the brand.")
    title = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="If omitted, derived from the file name.",
    )
    collection = serializers.PrimaryKeyRelatedField(
        queryset=Collection.objects.none(), required=False, allow_null=True
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        if request := self.context.get("request"):
            fields["collection"].queryset = permissions.collections(request.user)  # type: ignore[attr-defined]
        return fields

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        collection = data.get("collection")
        if collection and collection.brand_id != data["brand"].pk:
            raise serializers.ValidationError(
                {"collection": [f"This collection does not belong to {data['brand']}."]}
            )
        return data


class EditSerializer(MetadataSerializer):
    """Changes of an asset."""

    title = serializers.CharField(required=False, max_length=200)
    status = serializers.ChoiceField(
        Asset.Status.choices, required=False, help_text="Only managers can change it."
    )


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

    def answer(self, asset: Asset, status: int = 200, **headers: str) -> Response:
        """Return a response with the asset, fetched again."""
        asset = self.get_queryset().get(pk=asset.pk)
        return Response(self.get_serializer(asset).data, status=status, headers=headers)

    @extend_schema(summary="Get an asset")
    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        summary="Upload an image",
        description="Returns 200 with the existing asset if the brand already has the same bytes.",
        request=UploadSerializer,
        parameters=[DUPLICATE, ALSO_IN],
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
        result = ingest_asset(
            brand=brand, file=file, filename=file.name, by=user_of(request), **fields
        )
        copies = permissions.copies_in_other_brands(user_of(request), result.asset)
        also = {"Also-In": slugs} if (slugs := ",".join(a.brand.slug for a in copies)) else {}
        if not result.created:
            return self.answer(result.asset, 200, Duplicate="true", **also)
        return self.answer(result.asset, 201, Location=self._address(result.asset), **also)

    @extend_schema(
        summary="Update the metadata of an asset",
        description="Requires the creator role; changing `status` requires the manager role. "
        "The original file never changes.",
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
