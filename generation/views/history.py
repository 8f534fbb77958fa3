"""Looking back at what was asked for."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from assetbank.views import PageRequest
from generation.forms import HistoryForm
from generation.models import Generation
from generation.views.seen import generations

PER_PAGE = 20


@login_required
@require_safe
def history(request: PageRequest) -> HttpResponse:
    form = HistoryForm(request.GET)
    rows: list[Generation] = []
    if form.is_valid():
        listed = generations(request).order_by("-id")
        data = form.cleaned_data
        if data["q"]:
            listed = listed.filter(prompt__icontains=data["q"].replace("\0", ""))
        if data["state"]:
            listed = listed.filter(state=data["state"])
        if data["before"]:
            listed = listed.filter(pk__lt=data["before"])
        rows = list(listed[: PER_PAGE + 1])
    more = ""
    if len(rows) > PER_PAGE:
        rows = rows[:PER_PAGE]
        following = request.GET.copy()
        following["before"] = str(rows[-1].pk)
        more = f"?{following.urlencode()}"
    context = {"form": form, "generations": rows, "more": more}
    template = "_history_rows" if request.htmx and request.GET.get("before") else "history"
    status = 200 if form.is_valid() else 400
    response = render(request, f"generation/{template}.html", context, status=status)
    response["Vary"], response["Cache-Control"] = "HX-Request, Cookie", "private, no-store"
    return response
