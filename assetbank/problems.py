"""Problems as people and programs see them: one JSON shape with a stable code."""

from __future__ import annotations

from typing import Any

from django.http import JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from assetbank.errors import ProblemError


def problem(code: str, detail: str, errors: dict[str, Any] | None = None) -> dict[str, Any]:
    """`{"code", "detail", "errors"}`; `errors` holds lists of sentences by field."""
    return {"code": code, "detail": detail, "errors": errors or {}}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: everything leaves in the shape of `problem`."""
    if isinstance(error, ProblemError):
        return Response(problem(error.code, error.message), status=error.status)
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        body = response.data
        errors = body if isinstance(body, dict) else {"non_field_errors": body}
        first = next(iter(errors.items()), ("", ""))
        text = first[1][0] if isinstance(first[1], list) and first[1] else first[1]
        response.data = problem("invalid", f"{first[0]}: {text}", dict(errors))
        return response
    code = getattr(error, "default_code", "not_found" if response.status_code == 404 else "error")
    response.data = problem(str(code), str(response.data.get("detail", error)))
    return response


def json_404(request: Any, path: str = "") -> JsonResponse:
    return JsonResponse(problem("not_found", f"There is no /api/v1/{path}."), status=404)
