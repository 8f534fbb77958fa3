"""History of generations, with filters."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from assetbank.http import PageRequest
from generation import permissions
from generation.forms import HistoryForm
from generation.models import EngineModel, Generation
from generation.prompting import presets
from generation.views.querysets import visible_generations

PER_PAGE = 20


@login_required
@require_safe
def history(request: PageRequest) -> HttpResponse:
    form = HistoryForm(request.GET)
    rows: list[Generation] = []
    if form.is_valid():
        matching = form.filter(visible_generations(request).order_by("-id"))
        rows = list(matching[: PER_PAGE + 1])
    for row in rows:
        row.heading = presets.generation_heading(row)  # type: ignore[attr-defined]
    more = ""
    if len(rows) > PER_PAGE:
        rows = rows[:PER_PAGE]
        next_page = request.GET.copy()
        next_page["before"] = str(rows[-1].pk)
        more = f"?{next_page.urlencode()}"
    context = {"form": form, "generations": rows, "more": more, **_choices(request)}
    template = "_history_rows" if request.htmx and request.GET.get("before") else "history"
    status = 200 if form.is_valid() else 400
    response = render(request, f"generation/{template}.html", context, status=status)
    response["Vary"], response["Cache-Control"] = "HX-Request, Cookie", "private, no-store"
    return response


def _choices(request: PageRequest) -> dict[str, Any]:
    """Return the options of the history's filters; none if only further rows of its list are
    requested."""
    if request.htmx and request.GET.get("before"):
        return {}
    created = permissions.generations(request.user).filter(created_by=OuterRef("pk"))
    return {
        "models": EngineModel.objects.all(),
        "presets": presets.visible_presets(request.user),
        "people": User.objects.filter(Exists(created)).order_by("username")[:200],
    }
