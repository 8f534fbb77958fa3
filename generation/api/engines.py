"""Models on offer, over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from generation import engines


class ModelSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not its label
    engine = serializers.CharField(help_text="gemini or sketch")
    aspect_ratios = serializers.ListField(child=serializers.CharField())
    image_sizes = serializers.ListField(child=serializers.CharField())
    max_references = serializers.IntegerField()
    note = serializers.CharField()


class ModelsView(APIView):
    """Models that pictures can be asked of."""

    @extend_schema(
        operation_id="models_list",
        summary="Models on offer",
        responses=inline_serializer(
            "Models",
            {
                "results": ModelSerializer(many=True),
                "next": serializers.CharField(allow_null=True, help_text="Always null."),
            },
        ),
    )
    def get(self, request: Request) -> Response:
        offered = ModelSerializer(engines.models(), many=True).data
        return Response({"results": offered, "next": None})
