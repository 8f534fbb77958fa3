"""Pagination of lists: `{"results": [...], "next": address or null}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as BadValue
from django.db import DataError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

PAGE_SIZE, MAX_PAGE_SIZE = 48, 200
LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": PAGE_SIZE},
    description="How many to answer with.",
)
CURSOR = OpenApiParameter(
    "cursor", OpenApiTypes.STR, description="Where the page begins: follow `next` instead."
)
PAGING = [LIMIT, CURSOR]


def limit_of(parameters: Mapping[str, Any]) -> int:
    """Return the `limit` of query parameters, from 1 to MAX_PAGE_SIZE; raises ValidationError."""
    value = parameters.get("limit") or PAGE_SIZE
    try:
        limit = int(value)
    except (TypeError, ValueError):
        limit = 0
    if not 1 <= limit <= MAX_PAGE_SIZE:
        raise ValidationError({"limit": [f"A limit is a number from 1 to {MAX_PAGE_SIZE}."]})
    return limit


class Pages(CursorPagination):
    """Cursor pagination in the order of the view's `ordering`."""

    page_size_query_param = "limit"

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return tuple(view.ordering)

    def get_page_size(self, request: Request) -> int:
        return limit_of(request.query_params)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, BadValue, DataError) as error:  # the client changed the cursor
            raise ValidationError({"cursor": ["This page does not exist."]}) from error

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {"results": schema, "next": address},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {"name": p.name, "in": "query", "description": p.description, "schema": schema}
            for p, schema in ((LIMIT, LIMIT.type), (CURSOR, {"type": "string"}))
        ]
