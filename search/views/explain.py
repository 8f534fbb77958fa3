"""Page of search diagnostics for one asset."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from assetbank import permissions
from assetbank.errors import NotAllowed, ProblemError
from assetbank.http import PageRequest
from assetbank.models import Asset
from search.explain import Repair, explanation, resolve_subject
from search.query import SearchForm, SearchQuery
from search.views.query_bar import chips, without

SOON = {
    Repair.INDEX: "It waits to be indexed again. Look again in a moment.",
    Repair.EMBED: "It waits to be looked at by CLIP again. Look again in a moment.",
    Repair.RENDITIONS: "Drawn again.",
    Repair.WORDS: "Its words are written again.",
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def why(request: PageRequest, pk: int) -> HttpResponse:
    """Explain why `person` finds the asset or not, with the library's parameters; POST `repair`."""
    seen = permissions.assets(request.user).with_tags().select_related("brand", "created_by")
    asset = get_object_or_404(seen, pk=pk)
    if request.method == "POST":
        return _repair(request, asset)
    person = resolve_subject(request.user, asset.brand, request.GET.get("person", ""))
    form = SearchForm(request.GET, person=request.user)
    question = form.question() if form.is_valid() else SearchQuery()
    explained = explanation.explain(asset, person=person, question=question, asker=request.user)
    manages = permissions.can_manage(request.user, asset.brand)
    context = {
        "asset": asset,
        "ledger": explained,
        "form": form,
        "question": question,
        "asks": question != SearchQuery(),
        "may_repair": permissions.can_edit(request.user, asset.brand),
        "may_ask_for": manages,
        "members": asset.brand.members.order_by("username") if manages else [],
        "person": request.GET.get("person", ""),
        "address": request.get_full_path(),
        **_other_parameters(request, form),
    }
    response = render(
        request, "search/explain.html", context, status=200 if form.is_valid() else 400
    )
    response["Cache-Control"] = "private, no-store"
    return response


def _other_parameters(request: PageRequest, form: SearchForm) -> dict[str, Any]:
    """Return context for the parameters other than the words, which stay when the words change."""
    parameters = [
        (name, value)
        for name in form.fields
        for value in request.GET.getlist(name)
        if name != "q" and value
    ]
    return {
        "kept": parameters if form.is_valid() else [],
        "chips": chips(form) if form.is_valid() else [],
        "without_pictures": without(request.GET, "like", "picture"),
    }


def _repair(request: PageRequest, asset: Asset) -> HttpResponse:
    try:
        kind = Repair(request.POST.get("repair", ""))
    except ValueError:
        messages.error(request, "There is no such repair.")
        return HttpResponseRedirect(request.get_full_path())
    try:
        explanation.repair(asset, kind, request.user)
    except NotAllowed:
        raise
    except ProblemError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, SOON[kind])
    return HttpResponseRedirect(request.get_full_path())
