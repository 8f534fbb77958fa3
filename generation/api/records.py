"""REST API of provenance records, and of the withdrawal of usage rights and its lifting."""

from __future__ import annotations

import json
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import permissions
from assetbank.api.fields import user_of
from assetbank.api.parsers import PARSERS
from assetbank.models import Asset
from generation.lineage import record
from generation.workflows import withdrawal


class ConcernedSerializer(serializers.Serializer[Any]):
    assets = serializers.ListField(
        child=serializers.IntegerField(), help_text="IDs of its derivatives that you can access."
    )
    elsewhere = serializers.IntegerField(help_text="Number of derivatives in other brands.")
    unfinished = serializers.IntegerField(
        help_text="Number of generations that would be cancelled."
    )


class WithdrawSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(
        max_length=withdrawal.MAX_REASON_LENGTH, help_text="Shown to affected users."
    )


class WithdrawnSerializer(serializers.Serializer[Any]):
    quarantined = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="IDs of the quarantined assets, itself included, that you can access.",
    )
    elsewhere = serializers.IntegerField(help_text="Number of derivatives in other brands.")


class ReinstatedSerializer(serializers.Serializer[Any]):
    released = serializers.ListField(
        child=serializers.IntegerField(), help_text="IDs of the assets that you can access."
    )
    elsewhere = serializers.IntegerField(help_text="Number of derivatives in other brands.")


class RecordView(APIView):
    @extend_schema(
        summary="Get the provenance record of an asset",
        description="Engine, model, prompt, references with checksums and usage rights, "
        "users, decisions and times, as far as you can access them.",
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, pk: int) -> Response:
        document = record.provenance_record(asset=_asset(request, pk), person=user_of(request))
        return Response(json.loads(record.as_json(document)))


class WithdrawView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        summary="Preview the effects of revoking usage rights",
        description="Requires the manager role.",
        responses=ConcernedSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        asset, person = _asset(request, pk), user_of(request)
        permissions.require_manager(person, asset.brand)
        affected = withdrawal.affected_by(person=person, asset=asset)
        return Response(
            {
                "assets": [each.pk for each in affected.seen],
                "elsewhere": affected.unseen,
                "unfinished": affected.waiting,
            }
        )

    @extend_schema(
        summary="Revoke the usage rights of an asset",
        description="The asset and its derivatives are quarantined in every brand, queued "
        "generations that use them are cancelled and affected users are notified. "
        "Requires the manager role.",
        request=WithdrawSerializer,
        responses={201: WithdrawnSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        given = WithdrawSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        done = withdrawal.withdraw_rights(
            person=user_of(request),
            asset=_asset(request, pk),
            reason=given.validated_data["reason"],
        )
        quarantined = list(done.quarantined.values_list("asset_id", flat=True))
        return Response(_visible_ids(request, "quarantined", quarantined), status=201)


class ReinstateView(APIView):
    parser_classes = PARSERS

    @extend_schema(
        summary="Reinstate the usage rights of an asset",
        description="Assets without another revocation return to their previous status. Requires "
        "the manager role.",
        request=None,
        responses=ReinstatedSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        asset = _asset(request, pk)
        released = withdrawal.reinstate_rights(person=user_of(request), asset=asset)
        return Response(_visible_ids(request, "released", [each.pk for each in released]))


def _visible_ids(request: Request, name: str, pks: list[int]) -> dict[str, Any]:
    """Return those of the ids `pks` that the user may view, as `name`, and the number of the
    others, as `elsewhere`."""
    visible = permissions.assets(user_of(request)).filter(pk__in=pks).order_by("pk")
    visible_pks = list(visible.values_list("pk", flat=True))
    return {name: visible_pks, "elsewhere": len(pks) - len(visible_pks)}


def _asset(request: Request, pk: int) -> Asset:
    visible = permissions.assets(user_of(request)).select_related("brand", "created_by")
    return get_object_or_404(visible, pk=pk)
