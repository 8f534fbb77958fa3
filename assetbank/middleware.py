"""A problem that a page did not handle itself is shown as a page, or as a fragment for htmx."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from assetbank.errors import ProblemError


class problem_pages:  # noqa: N801 - named like the function that middleware usually is
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, ProblemError):
            return None
        template = "_problem.html" if getattr(request, "htmx", False) else "problem.html"
        return render(request, template, {"problem": error}, status=error.status)
