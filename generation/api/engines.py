"""REST API of the available image models."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from generation.billing import prices
from generation.engines import catalog
from generation.models import EngineModel


class ModelSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not its label
    engine = serializers.CharField(help_text="Engine: gemini or sketch.")
    aspect_ratios = serializers.ListField(child=serializers.CharField())
    image_sizes = serializers.ListField(child=serializers.CharField())
    max_references = serializers.IntegerField()
    slots = serializers.DictField(
        child=serializers.IntegerField(), help_text="Maximum number of references per role."
    )
    refines = serializers.BooleanField(help_text="Whether it can edit its own images.")
    batches = serializers.BooleanField(help_text="Whether it accepts bulk orders at a lower price.")
    usd_per_picture = serializers.SerializerMethodField(
        help_text='Price per image by size in US dollars ("" if there is one size only); empty: '
        "unknown."
    )
    retires_on = serializers.DateField(
        allow_null=True, help_text="Day from which the model is unavailable."
    )
    successor = serializers.CharField(source="successor_id", allow_null=True)
    note = serializers.CharField()

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_usd_per_picture(self, row: EngineModel) -> dict[str, str]:
        return {size: f"{usd:f}" for size, usd in prices.picture_prices(row).items()}


class ModelsView(APIView):
    """List the image models that users can choose."""

    @extend_schema(
        operation_id="models_list",
        summary="List models",
        responses=inline_serializer(
            "Models",
            {
                "results": ModelSerializer(many=True),
                "next": serializers.CharField(allow_null=True, help_text="Always null."),
            },
        ),
    )
    def get(self, request: Request) -> Response:
        offered = ModelSerializer(catalog.available_models(), many=True).data
        return Response({"results": offered, "next": None})
