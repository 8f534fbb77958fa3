"""Serializers of assets: how one is shown, and what a request may set."""

from __future__ import annotations

from typing import Any

from django.utils.functional import cached_property
from rest_framework import serializers

from assetbank import permissions
from assetbank.api.custom_fields import CustomValuesField
from assetbank.api.fields import BrandField, CapturedField, TagsField, YesNoField
from assetbank.assets import fields as asset_fields
from assetbank.assets.metadata import custom_fields
from assetbank.models import Asset, Collection
from assetbank.rights import terms


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
    file = serializers.URLField(
        help_text="URL of the original file, unchanged; for viewers without coordinates, unless "
        "the brand keeps them."
    )
    thumbnail = serializers.URLField(
        help_text="URL of a WebP rendition, 480 pixels per side, up to 600 of a small picture."
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
    display_title = serializers.CharField(
        help_text="The title; for an asset without one, Untitled and the file name."
    )
    alt_text = serializers.CharField(
        help_text="Describes the image to people who cannot see it; empty: nobody has written one."
    )
    place = serializers.CharField(help_text="City and country, as far as they are known.")
    captured_at = serializers.CharField(
        allow_null=True,
        help_text="When the image was taken, with the offset of the place: "
        "2019-03-14T10:11:00+01:00. Z: in UTC, because the offset is unknown.",
    )
    latitude = serializers.FloatField(
        allow_null=True, help_text="Null for viewers, unless the brand keeps coordinates."
    )
    longitude = serializers.FloatField(
        allow_null=True, help_text="Null for viewers, unless the brand keeps coordinates."
    )
    terms_to_check = serializers.CharField(
        help_text="Why somebody must check the terms before new images are made from it: see POST "
        "/assets/{id}/terms-check/. Empty: nothing to check."
    )

    fields = CustomValuesField(source="custom")  # type: ignore[assignment]

    class Meta:
        model = Asset
        fields = [
            *("id", "title", "display_title", "description", "headline", "alt_text"),
            *("extended_description", "brand", "tags", "kind", "origin", "status", "rating"),
            "fields",
            *("width", "height", "bytes", "mime", "filename", "checksum", "version"),
            *("captured_at", "city", "country", "place", "latitude", "longitude"),
            *("creator", "licence", "credit", "copyright", "usage_terms", "licensor_url"),
            *("expires_on", "derivatives_allowed", "territories", "consent", "consent_until"),
            *("terms_to_check", "rights_problem", "file", "thumbnail", "preview"),
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

    @cached_property
    def _location_brands(self) -> set[int]:
        """Ids of the brands of which the user sees positions; read only if an asset has one."""
        user = self.context["request"].user
        return set(permissions.location_brands(user).values_list("pk", flat=True))

    def to_representation(self, asset: Asset) -> dict[str, Any]:
        return {
            "id": asset.pk,
            "title": asset.title,
            "display_title": asset.display_title,
            "description": asset.description,
            "headline": asset.headline,
            "alt_text": asset.alt_text,
            "extended_description": asset.extended_description,
            "brand": asset.brand.slug,
            "tags": asset.tag_names,
            "kind": asset.kind,
            "origin": asset.origin,
            "status": asset.status,
            "rating": asset.rating,
            "fields": custom_fields.public_values(asset),
            **self._file(asset),
            **self._capture(asset),
            **self._rights(asset),
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

    def _file(self, asset: Asset) -> dict[str, Any]:
        return {
            "width": asset.width,
            "height": asset.height,
            "bytes": asset.bytes,
            "mime": asset.mime,
            "filename": asset.filename,
            "checksum": asset.checksum,
            "version": asset.version,
        }

    def _capture(self, asset: Asset) -> dict[str, Any]:
        shown = asset.latitude is not None and asset.brand_id in self._location_brands
        return {
            "captured_at": asset.captured,
            "city": asset.city,
            "country": asset.country,
            "place": asset.place,
            "latitude": asset.latitude if shown else None,
            "longitude": asset.longitude if shown else None,
        }

    def _rights(self, asset: Asset) -> dict[str, Any]:
        return {
            "creator": asset.creator,
            "licence": asset.licence,
            "credit": asset.credit,
            "copyright": asset.copyright,
            "usage_terms": asset.usage_terms,
            "licensor_url": asset.licensor_url,
            "expires_on": asset.expires_on,
            "derivatives_allowed": asset.derivatives_allowed,
            "territories": asset.territories,
            "consent": asset.consent,
            "consent_until": asset.consent_until,
            "terms_to_check": asset.terms_to_check,
            "rights_problem": terms.usage_problem(asset),
        }


def _text(name: str, help_text: str = "") -> serializers.CharField:
    """Return the field of a request for a text of an asset."""
    return serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=asset_fields.MAX_LENGTHS[name],
        help_text=help_text,
    )


class MetadataSerializer(serializers.Serializer[Any]):
    """Metadata and terms that a request may set."""

    description = _text("description")
    headline = _text("headline")
    alt_text = _text(
        "alt_text", help_text="Describes the image to people who cannot see it, in a sentence."
    )
    extended_description = _text("extended_description")
    kind = serializers.ChoiceField(Asset.Kind.choices, required=False)
    tags = TagsField(
        required=False, help_text="A list of tags, or a string with commas between them."
    )
    rating = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=-1,
        max_value=5,
        help_text="0 to 5 stars; -1: rejected.",
    )
    captured_at = CapturedField(
        required=False,
        allow_null=True,
        help_text="When the image was taken, with the offset of the place: "
        "2019-03-14T10:11:00+01:00. Without an offset, or with Z, the offset is unknown.",
    )
    city = _text("city")
    country = _text("country")
    latitude = serializers.FloatField(
        required=False, allow_null=True, min_value=-90, max_value=90, help_text="North positive."
    )
    longitude = serializers.FloatField(
        required=False, allow_null=True, min_value=-180, max_value=180, help_text="East positive."
    )
    creator = _text("creator", help_text="Who made the image.")
    licence = _text("licence")
    credit = _text("credit")
    copyright = _text("copyright", help_text="Copyright notice.")
    usage_terms = _text("usage_terms", help_text="In the words of the licensor.")
    licensor_url = serializers.URLField(
        required=False,
        allow_blank=True,
        max_length=asset_fields.MAX_LENGTHS["licensor_url"],
        help_text="Web page where a licence can be had.",
    )
    expires_on = serializers.DateField(
        required=False, allow_null=True, help_text="Last day of the usage rights."
    )
    derivatives_allowed = YesNoField(required=False, help_text="Whether derivatives are allowed.")
    territories = TagsField(
        required=False,
        help_text="ISO 3166 country codes where it may be used, for example DE; empty: worldwide.",
    )
    consent = serializers.ChoiceField(Asset.Consent.choices, required=False)
    fields = CustomValuesField(source="custom")  # type: ignore[assignment]
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
        help_text="If omitted, that of the file, or a readable file name, or Untitled.",
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
