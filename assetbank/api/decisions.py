"""REST for decisions about an asset: list them, and decide."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import person_of
from assetbank.api.parsers import PARSERS
from assetbank.assets import approval
from assetbank.models import Asset, Decision


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    verdict = serializers.CharField(help_text=", ".join(Decision.Verdict.values))
    by = serializers.CharField(
        source="by.username", default=None, allow_null=True, help_text="Username."
    )

    class Meta:
        model = Decision
        fields = ["id", "verdict", "reason", "by", "at"]
        read_only_fields = fields


class DecideSerializer(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(
        Decision.Verdict.choices, help_text="`rejected` sends it back: it is a draft again."
    )
    reason = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=approval.MAX_REASON_LENGTH,
        help_text="Needed to send back a draft; who made it is told.",
    )


class DecisionsView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        summary="What was decided about an asset",
        description="For creators of its brand; the latest first.",
        responses=DecisionSerializer(many=True),
    )
    def get(self, request: Request, pk: int) -> Response:
        asset = _asset(request, pk)
        permissions.require_editor(person_of(request), asset.brand)
        return Response(DecisionSerializer(approval.decisions([asset])[pk], many=True).data)

    @extend_schema(
        summary="Approve an asset, send it back or archive it",
        description="Managers only. 409 says why it cannot be approved. A decision is taken back "
        "by another one.",
        request=DecideSerializer,
        responses={201: DecisionSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        serializer = DecideSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asset = _asset(request, pk)
        decision = approval.decide(asset=asset, by=person_of(request), **serializer.validated_data)
        return Response(DecisionSerializer(decision).data, status=201)


def _asset(request: Request, pk: int) -> Asset:
    visible = permissions.assets(person_of(request)).select_related("brand")
    return get_object_or_404(visible, pk=pk)
