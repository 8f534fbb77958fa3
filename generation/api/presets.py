"""REST API of presets and their versions."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from assetbank.api.fields import user_of
from assetbank.api.pagination import Pages
from generation.models import Preset, PresetVersion, Role
from generation.prompting import presets


class VariableSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.SerializerMethodField()  # type: ignore[assignment]  # a field of that name
    default = serializers.CharField(
        default="", help_text="Default value; empty: a value is required."
    )

    def get_label(self, variable: dict[str, Any]) -> str:
        return presets.variable_label(variable)


class RoleSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(Role.choices)
    least = serializers.IntegerField()
    most = serializers.IntegerField()


class VersionSerializer(serializers.ModelSerializer[PresetVersion]):
    variables = VariableSerializer(many=True)
    roles = RoleSerializer(many=True)
    created_by = serializers.CharField(
        source="created_by.username", default=None, allow_null=True, help_text="Username."
    )

    class Meta:
        model = PresetVersion
        fields = [
            *("number", "template", "variables", "roles", "aspect_ratio", "image_size"),
            *("created_by", "created_at"),
        ]
        read_only_fields = fields


class PresetSerializer(serializers.ModelSerializer[Preset]):
    brand = serializers.CharField(
        source="brand.slug",
        default=None,
        allow_null=True,
        help_text="Null: available to all brands.",
    )
    used = serializers.IntegerField(help_text="Number of generations that used it.")
    version = serializers.SerializerMethodField(help_text="The newest version.")

    class Meta:
        model = Preset
        fields = ["slug", "name", "description", "brand", "offered", "used", "version"]
        read_only_fields = fields

    @extend_schema_field(VersionSerializer)
    def get_version(self, preset: Preset) -> Any:
        newest = next(iter(preset.versions.all()), None)
        return VersionSerializer(newest).data if newest else None


@extend_schema_view(
    list=extend_schema(summary="List presets"),
    retrieve=extend_schema(summary="Get a preset"),
)
class PresetViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Preset]):
    serializer_class = PresetSerializer
    pagination_class = Pages
    ordering = ("position", "name", "pk")
    lookup_field = "slug"
    lookup_value_converter = "slug"
    queryset = Preset.objects.none()

    def get_queryset(self) -> QuerySet[Preset]:
        person = user_of(self.request)
        rows = (
            presets.offered_presets(person)
            if self.action == "list"
            else presets.visible_presets(person)
        )
        versions = rows.select_related("brand").prefetch_related("versions__created_by")
        return presets.with_use_counts(versions)

    @extend_schema(
        summary="List the versions of a preset, newest first",
        responses=VersionSerializer(many=True),
    )
    @action(detail=True, pagination_class=None)
    def versions(self, request: Request, slug: str) -> Response:
        return Response(VersionSerializer(self.get_object().versions.all(), many=True).data)
