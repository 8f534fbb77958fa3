"""REST for the custom fields of a brand, and the form in which requests set their values."""

from __future__ import annotations

import json
from typing import Any

from django.http import QueryDict
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.brands import SLUG
from assetbank.api.fields import user_of
from assetbank.assets.metadata import csv, custom_fields, field_definitions, value_changes
from assetbank.models import Brand, CustomField


@extend_schema_field({"type": "object", "additionalProperties": {}})
class CustomValuesField(serializers.Field[Any, Any, Any, Any]):
    """Values of custom fields: a JSON object; in a form also a parameter `field.NAME` for each."""

    def __init__(self, **kwargs: Any) -> None:
        meaning = (
            "Values of custom fields by name; they are merged, and null removes one. In a form "
            "also `field.NAME`."
        )
        super().__init__(**{"required": False, "help_text": meaning, **kwargs})

    default_error_messages = {"invalid": "fields must be a JSON object of values by field name."}

    def get_value(self, dictionary: Any) -> Any:
        given = super().get_value(dictionary)
        if not isinstance(dictionary, QueryDict):
            return given
        single = {
            name.removeprefix(csv.PREFIX): values if len(values) > 1 else values[0]
            for name, values in dictionary.lists()
            if name.startswith(csv.PREFIX) and values
        }
        if not single:
            return given
        return ("{}" if given is serializers.empty else given), single

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, tuple):  # Of a form
            return {**self.to_internal_value(data[0]), **data[1]}
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except ValueError:
                self.fail("invalid")
        if not isinstance(data, dict):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class CustomFieldSerializer(serializers.ModelSerializer[CustomField]):
    """A custom field of a brand."""

    choices = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="A choice that is left out is retired if assets have it, else forgotten.",
    )
    default = serializers.JSONField(
        required=False, allow_null=True, help_text="Value of new assets; null: none."
    )

    class Meta:
        model = CustomField
        fields = [
            *("name", "label", "kind", "choices", "retired_choices", "required", "default"),
            *("help", "xmp_property", "searched", "filterable", "position"),
        ]
        read_only_fields = ["retired_choices"]
        extra_kwargs = {
            "name": {"required": False, "help_text": "Made of the label if omitted; permanent."},
            "filterable": {"help_text": "Searches filter by it: ?field.NAME="},
            "position": {"required": False, "min_value": 0},
        }


class CustomFieldDetailSerializer(CustomFieldSerializer):
    used_by = serializers.IntegerField(
        read_only=True, help_text="Number of assets with a value of this field."
    )

    class Meta(CustomFieldSerializer.Meta):
        fields = [*CustomFieldSerializer.Meta.fields, "used_by"]


class FieldChangeSerializer(CustomFieldSerializer):
    renamed = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        help_text="New names of choices, by their present names: assets follow.",
    )

    class Meta(CustomFieldSerializer.Meta):
        fields = [*CustomFieldSerializer.Meta.fields, "renamed"]
        read_only_fields = ["name", "retired_choices"]


class DeletionSerializer(serializers.Serializer[Any]):
    forget_values = serializers.BooleanField(
        default=False, help_text="true: delete the values of all assets as well."
    )


def _brand(request: Request, slug: str) -> Brand:
    return get_object_or_404(permissions.brands(user_of(request)), slug=slug)


class CustomFieldsView(APIView):
    """The custom fields of a brand, in their order."""

    @extend_schema(
        operation_id="brand_fields_list",
        summary="List the custom fields of a brand",
        parameters=[SLUG],
        responses=CustomFieldSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        found = custom_fields.fields_of(_brand(request, slug))
        return Response(CustomFieldSerializer(found, many=True).data)

    @extend_schema(
        operation_id="brand_fields_create",
        summary="Define a custom field",
        description="Requires the manager role. A brand has at most 50 fields.",
        parameters=[SLUG],
        request=CustomFieldSerializer,
        responses={201: CustomFieldSerializer},
    )
    def post(self, request: Request, slug: str) -> Response:
        brand = _brand(request, slug)
        permissions.require_manager(user_of(request), brand)
        given = CustomFieldSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        options = dict(given.validated_data)
        options.pop("position", None)
        field = field_definitions.define_field(brand=brand, by=user_of(request), **options)
        return Response(CustomFieldSerializer(field).data, status=201)


class CustomFieldView(APIView):
    """One custom field of a brand, by its name."""

    def _field(self, request: Request, slug: str, name: str) -> CustomField:
        fields = CustomField.objects.select_related("brand")
        return get_object_or_404(fields, brand=_brand(request, slug), name=name)

    @extend_schema(
        operation_id="brand_fields_retrieve",
        summary="Get a custom field",
        parameters=[SLUG],
        responses=CustomFieldDetailSerializer,
    )
    def get(self, request: Request, slug: str, name: str) -> Response:
        field = self._field(request, slug, name)
        field.used_by = value_changes.count_uses(field.brand).get(name, 0)  # type: ignore[attr-defined]
        return Response(CustomFieldDetailSerializer(field).data)

    @extend_schema(
        operation_id="brand_fields_change",
        summary="Change a custom field",
        description="Requires the manager role. The kind changes only if every value fits.",
        parameters=[SLUG],
        request=FieldChangeSerializer,
        responses=CustomFieldSerializer,
    )
    def patch(self, request: Request, slug: str, name: str) -> Response:
        field = self._field(request, slug, name)
        given = FieldChangeSerializer(field, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        options = dict(given.validated_data)
        place = options.pop("position", None)
        by = user_of(request)
        field = field_definitions.change_field(field=field, by=by, **options)
        if place is not None:
            names = [f.name for f in custom_fields.fields_of(field.brand) if f.name != name]
            names.insert(place, name)
            field_definitions.order_fields(brand=field.brand, by=by, names=names)
            field.refresh_from_db()
        return Response(CustomFieldSerializer(field).data)

    @extend_schema(
        operation_id="brand_fields_delete",
        summary="Delete a custom field",
        description="Requires the manager role. Values are hidden, and shown again by a field of "
        "the same name, unless `forget_values` deletes them.",
        parameters=[SLUG, DeletionSerializer],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, slug: str, name: str) -> Response:
        field = self._field(request, slug, name)
        given = DeletionSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        field_definitions.delete_field(field=field, by=user_of(request), **given.validated_data)
        return Response(status=204)
