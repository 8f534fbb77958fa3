"""Errors of the API: one JSON shape with a stable code."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from assetbank.embedded import EmbeddedError
from assetbank.errors import Conflict, ProblemError

logger = logging.getLogger(__name__)

GENERAL = "non_field_errors"  # key of errors that concern no single field
TOO_BIG = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
DATABASE_DOWN = (OperationalError, InterfaceError, EmbeddedError)


def problem(
    code: str, detail: str, errors: dict[str, list[str]] | None = None
) -> dict[str, str | dict[str, list[str]]]:
    """Return `{"code", "detail", "errors"}`; `errors` holds lists of sentences by field."""
    return {"code": code, "detail": detail, "errors": errors or {}}


def as_problem(error: Exception) -> ProblemError | None:
    """Return `error` as a ProblemError, if it is one that users can be told about; else None."""
    if isinstance(error, IntegrityError):
        # Rows are checked before they are written, so another request changed them in between
        logger.warning("conflict: %s", error)
        return Conflict("Another user changed this at the same time. Reload and retry.")
    return error if isinstance(error, ProblemError) else None


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Handle exceptions for DRF: return a response in the shape of `problem`, for any of them."""
    match error := as_problem(error) or error:
        case ProblemError():
            set_rollback()
            body = {**problem(error.code, error.message, error.field_errors()), **error.extra}
            return Response(body, status=error.status)
        case exceptions.APIException():
            pass
        case Http404():
            error = exceptions.NotFound("This item does not exist, or you cannot access it.")
        case PermissionDenied():
            error = exceptions.PermissionDenied()
        case _ if isinstance(error, TOO_BIG):
            return Response(problem("too_large", "This request is too large."), status=413)
        case SuspiciousOperation():
            return Response(problem("bad_request", "This request is malformed."), status=400)
        case _ if isinstance(error, DATABASE_DOWN):
            logger.error("the database does not answer: %s", error)
            body = problem(
                "database_unavailable", "The database is not responding. Retry in a moment."
            )
            return Response(body, status=503, headers={"Retry-After": "5"})
        case _:
            # Details go to the log only: they may contain secrets
            logger.error("unexpected in %s", type(context.get("view")).__name__, exc_info=error)
            set_rollback()
            return Response(
                problem("server_error", "Server error. Retry, or tell the site administrator."),
                status=500,
            )
    response = exception_handler(error, context)  # sets WWW-Authenticate, Retry-After, rollback
    assert response is not None
    if isinstance(error, exceptions.ValidationError):
        response.data = _invalid(response.data)
    else:
        response.data = problem(_code(error), str(error.detail))
    return response


def _code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else error.default_code


def _invalid(body: Any) -> dict[str, str | dict[str, list[str]]]:
    """Convert the body of DRF's ValidationError; `detail` is its first sentence."""
    fields = body if isinstance(body, dict) else {GENERAL: body}
    errors = {str(name): _sentences(value) for name, value in fields.items()}
    name, sentences = next(iter(errors.items()), ("", []))
    first = sentences[0] if sentences else "This request is invalid."
    return problem("invalid", first if name == GENERAL else f"{name}: {first}", errors)


def _sentences(value: Any) -> list[str]:
    """Flatten DRF's nested errors of lists and objects into one list of sentences."""
    if isinstance(value, dict):
        return [sentence for inner in value.values() for sentence in _sentences(inner)]
    if isinstance(value, list):
        return [sentence for inner in value for sentence in _sentences(inner)]
    return [str(value)]


@csrf_exempt  # so that an unknown address is 404 for every method
def json_404(request: HttpRequest, path: str = "") -> JsonResponse:
    detail = f"There is no /api/v1/{path}."
    if path and not path.endswith("/"):
        detail += " URLs end with a slash."
    return JsonResponse(problem("not_found", detail), status=404)
