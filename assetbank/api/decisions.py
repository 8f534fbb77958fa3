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
from assetbank.api.fields import user_of
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
        [each for each in Decision.Verdict.choices if each[0] in approval.STATUS_AFTER],
        help_text="`rejected` requests changes: the asset becomes a draft.",
    )
    reason = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=approval.MAX_REASON_LENGTH,
        help_text="Required to request changes on a draft; the creator is notified.",
    )


class DecisionsView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        summary="List the approval decisions about an asset",
        description="Newest first. Requires the creator role in the brand.",
        responses=DecisionSerializer(many=True),
    )
    def get(self, request: Request, pk: int) -> Response:
        asset = _asset(request, pk)
        permissions.require_editor(user_of(request), asset.brand)
        return Response(DecisionSerializer(approval.decisions([asset])[pk], many=True).data)

    @extend_schema(
        summary="Approve an asset, request changes or archive it",
        description="Requires the manager role. A 409 response gives the reasons that block "
        "approval. To revoke a decision, make another one.",
        request=DecideSerializer,
        responses={201: DecisionSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        serializer = DecideSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asset = _asset(request, pk)
        decision = approval.decide(asset=asset, by=user_of(request), **serializer.validated_data)
        return Response(DecisionSerializer(decision).data, status=201)


class TermsCheckSerializer(serializers.Serializer[Any]):
    derivatives_allowed = serializers.BooleanField(
        help_text="Whether the terms allow derivatives: new images generated from this one."
    )
    note = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=approval.MAX_REASON_LENGTH,
        help_text="What you found out, for the record.",
    )


class TermsCheckView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        summary="Confirm that the terms of an asset are checked",
        description="Empties `terms_to_check`, so that new images may be made from the asset if "
        "derivatives are allowed. Requires the creator role. A 409 response: nothing is to be "
        "checked any more.",
        request=TermsCheckSerializer,
        responses={201: DecisionSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        serializer = TermsCheckSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        decision = approval.confirm_terms(
            asset=_asset(request, pk), by=user_of(request), **serializer.validated_data
        )
        return Response(DecisionSerializer(decision).data, status=201)


def _asset(request: Request, pk: int) -> Asset:
    visible = permissions.assets(user_of(request)).select_related("brand")
    return get_object_or_404(visible, pk=pk)
