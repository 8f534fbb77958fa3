"""GET /api/v1/health/, for load balancers and monitoring."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assetbank import health, permissions
from assetbank.hooks import Part


class PartSerializer(serializers.Serializer[Part]):
    name = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField(required=False, help_text="For staff only.")
    counts = serializers.DictField(
        child=serializers.IntegerField(), required=False, allow_null=True, help_text="Staff only."
    )


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="ok or degraded")
    parts = PartSerializer(many=True)


class HealthView(APIView):
    """State of every part: 200 if all are ok, 503 otherwise."""

    permission_classes = [AllowAny]

    def perform_authentication(self, request: Request) -> None:
        """Do nothing: authentication needs the database, and this must work without it."""

    @extend_schema(
        operation_id="health",
        summary="How every part is",
        auth=[],
        responses={200: HealthSerializer, 503: HealthSerializer},
    )
    def get(self, request: Request) -> Response:
        parts = health.parts()
        healthy = all(part.ok for part in parts)
        show_details = _is_staff(request)
        return Response(
            {
                "status": "ok" if healthy else "degraded",
                "parts": [
                    {"name": part.name, "ok": part.ok}
                    # addresses, versions and counts are for staff only
                    | ({"detail": part.detail, "counts": part.counts} if show_details else {})
                    for part in parts
                ],
            },
            status=200 if healthy else 503,
        )


def _is_staff(request: Request) -> bool:
    """Authenticate the request; return False if the database is unavailable."""
    try:
        return permissions.has_full_access(request.user)
    except DatabaseError:
        return False
