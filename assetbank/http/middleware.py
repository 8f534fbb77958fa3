"""Limit the size of requests, and show problems that a view did not handle."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from assetbank.errors import LengthUnknown, ProblemError, RequestTooLarge
from assetbank.http.problems import DATABASE_DOWN, as_problem, problem

logger = logging.getLogger(__name__)


class ProblemPagesMiddleware:
    """Turn errors into pages, or into JSON for programs; refuse requests that are too large."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # A charset chosen by the client could decode to text that database and pages cannot hold
        request.encoding = "utf-8"
        try:
            _check_length(request)
        except ProblemError as error:
            return _answer(request, error)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, DATABASE_DOWN):
            logger.error("the database does not answer: %s", error)
            # The frame of a page would query the database again, for the signed-in user
            headers = {"Retry-After": "5"}
            return HttpResponse(render_to_string("503.html"), status=503, headers=headers)
        problem_error = as_problem(error)
        return _answer(request, problem_error) if problem_error else None


def _check_length(request: HttpRequest) -> None:
    """Raise RequestTooLarge or LengthUnknown before anything reads the body.

    Django spools files of any size to disk when it looks for the CSRF token, for anonymous users
    too.
    """
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length and "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        raise LengthUnknown("Say how long this is (Content-Length): it cannot be taken unmeasured.")
    maximum = settings.MAX_UPLOAD_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if length.isdecimal() and int(length) > maximum:
        raise RequestTooLarge(
            f"This is larger than the {maximum / 2**20:.0f} MB that are taken at once. "
            f"A file has at most {settings.MAX_UPLOAD_BYTES / 2**20:.0f} MB."
        )


def _answer(request: HttpRequest, error: ProblemError) -> HttpResponse:
    is_api = request.path.startswith("/api/")
    if is_api or request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse(problem(error.code, error.message), status=error.status)
    template = "_problem.html" if getattr(request, "htmx", False) else "problem.html"
    return render(request, template, {"problem": error}, status=error.status)
