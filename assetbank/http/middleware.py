"""What may come in, and how a problem that a page did not handle itself is shown."""

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
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # The client's charset could be one that decodes to what no database and no page takes
        request.encoding = "utf-8"
        try:
            _check_length(request)
        except ProblemError as error:
            return _answer(request, error)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, DATABASE_DOWN):
            logger.error("the database does not answer: %s", error)
            # Whatever else a page shows, such as who is signed in, would ask the database again
            headers = {"Retry-After": "5"}
            return HttpResponse(render_to_string("503.html"), status=503, headers=headers)
        known = as_problem(error)
        return _answer(request, known) if known else None


def _check_length(request: HttpRequest) -> None:
    """Before anything reads the body: Django spools files of any size to disk, and does so for
    strangers too, when it looks for the CSRF token."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length and "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        raise LengthUnknown("Say how long this is (Content-Length): it cannot be taken unmeasured.")
    most = settings.MAX_UPLOAD_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if length.isdecimal() and int(length) > most:
        raise RequestTooLarge(
            f"This is larger than the {most / 2**20:.0f} MB that are taken at once. "
            f"A file has at most {settings.MAX_UPLOAD_BYTES / 2**20:.0f} MB."
        )


def _answer(request: HttpRequest, error: ProblemError) -> HttpResponse:
    program = request.path.startswith("/api/")
    if program or request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse(problem(error.code, error.message), status=error.status)
    template = "_problem.html" if getattr(request, "htmx", False) else "problem.html"
    return render(request, template, {"problem": error}, status=error.status)
