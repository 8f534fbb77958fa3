"""Serializers of a request over REST, to submit it, or to look up its existing results."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from assetbank import permissions
from assetbank.api.fields import BrandField, user_of
from assetbank.models import Asset
from assetbank.text import MAX_ID, parse_id
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.models import Role
from generation.pipeline import MAX_PICTURES, MAX_PROMPT_LENGTH
from generation.prompting import presets


@extend_schema_field(
    {
        "oneOf": [
            {"type": "integer"},
            {
                "type": "object",
                "required": ["asset"],
                "properties": {
                    "asset": {"type": "integer"},
                    "role": {"type": "string", "enum": ["", *Role.values]},
                },
            },
        ]
    }
)
class ReferenceField(serializers.Field[tuple[int, str], Any, Any, Any]):
    """Id and role of an asset: `12`, `{"asset": 12, "role": "product"}`, or `12:product` in a query
    string. Its value is (id, role), with an empty role if none is given."""

    default_error_messages = {
        "invalid": "A reference must be an asset ID, alone or with a role.",
        "role": f"role must be one of {', '.join(Role.values)}.",
    }

    def to_internal_value(self, data: Any) -> tuple[int, str]:
        given, role = data, ""
        if isinstance(data, dict):
            given, role = data.get("asset"), data.get("role", "")
        elif isinstance(data, str):
            given, _, role = data.partition(":")
        if type(given) is int:  # not a bool; an id above the maximum is unknown, and not invalid
            given = min(given, MAX_ID)
        if (pk := parse_id(str(given))) is None:
            self.fail("invalid")
        if role and role not in Role.values:
            self.fail("role")
        return pk, role

    def to_representation(self, value: Any) -> Any:
        return value


class WantedSerializer(serializers.Serializer[Any]):
    """Accept the fields that distinguish one request from another."""

    prompt = serializers.CharField(
        max_length=MAX_PROMPT_LENGTH,
        required=False,
        default="",
        allow_blank=True,
        help_text="Description of the image; with a preset, it is added to the preset's prompt.",
    )
    brand = BrandField(help_text="Brand slug.")
    references = serializers.ListField(
        child=ReferenceField(),
        required=False,
        default=list,
        help_text="Asset IDs, in the order in which the model sees them; with roles: "
        f'{{"asset": 12, "role": "product"}}. Roles: {", ".join(Role.values)}.',
    )
    preset = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=60, help_text="Preset slug."
    )
    preset_version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Default: the newest version."
    )
    variables = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        default=dict,
        help_text="Values of the preset's variables by name; omitted ones use their defaults.",
    )
    aspect_ratio = serializers.CharField(
        required=False, help_text="Aspect ratio of the model; default: the preset's, else 1:1."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if not given["prompt"].strip() and not given["preset"]:
            raise serializers.ValidationError({"prompt": ["Describe the image to generate."]})
        return given


class RequestSerializer(WantedSerializer):
    model = serializers.CharField(
        required=False, help_text="Model ID from GET /models/; default: the first."
    )
    image_size = serializers.CharField(
        default="",
        allow_blank=True,
        help_text="Size of the model; default: the preset's, else the model's first.",
    )
    count = serializers.IntegerField(default=1, help_text=f"Number of images, 1 to {MAX_PICTURES}.")


def read_spec(request: Request, data: Any) -> dict[str, Any]:
    """Return the fields of a `RequestSpec`, with the prompt filled from the preset.

    Raises ValidationError and InvalidRequest."""
    return _resolve(request, _read(WantedSerializer, request, data))


def read_request(request: Request, data: Any) -> dict[str, Any]:
    """Return the keyword arguments of `submit`, with the prompt filled from the preset.

    Raises ValidationError and InvalidRequest."""
    fields = _read(RequestSerializer, request, data)
    if "model" not in fields:
        fields["model"] = catalog.available_models()[0].id
    return _resolve(request, fields)


def _read(kind: type[WantedSerializer], request: Request, data: Any) -> dict[str, Any]:
    serializer = kind(data=data, context={"request": request})
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _resolve(request: Request, fields: dict[str, Any]) -> dict[str, Any]:
    """Replace, in the fields of a request, ids by assets, and the preset by its version, its filled
    prompt and its defaults."""
    slug, number = fields.pop("preset"), fields.pop("preset_version", None)
    given = fields.pop("references")
    fields["references"] = _assets(request, [pk for pk, _ in given])
    fields["roles"] = {pk: role for pk, role in given if role}
    if slug:
        version = presets.choose_version(user_of(request), fields["brand"], slug, number)
        fields["prompt"] = presets.fill_prompt(version, fields["variables"], fields["prompt"])
        fields["variables"] = presets.variable_values(version, fields["variables"])
        fields["preset_version"] = version
        fields.setdefault("aspect_ratio", version.aspect_ratio or "1:1")
        if "image_size" in fields:
            fields["image_size"] = fields["image_size"] or version.image_size
    elif fields["variables"]:
        raise InvalidRequest("Variables require a preset. Choose one.", code="unknown_variable")
    fields.setdefault("aspect_ratio", "1:1")
    return fields


def _assets(request: Request, ids: list[int]) -> list[Asset]:
    found = permissions.assets(user_of(request)).select_related("brand").in_bulk(ids)
    if any(pk not in found for pk in ids):
        raise InvalidRequest(
            "One of the references does not exist. Remove it.", code="unknown_reference"
        )
    return [found[pk] for pk in ids]
