"""Fragments about one asset: similar assets, its card and its index state."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from assetbank import permissions
from assetbank.assets import update_asset
from assetbank.errors import ProblemError
from assetbank.http import PageRequest
from assetbank.models import Asset
from assetbank.text import parse_ids
from search.models import Embedding, with_index_state
from search.query import SearchHit, SearchQuery, like_asset, search

MAX_SIMILAR = 8  # similar assets on an asset's page
MAX_STATES = 200  # cards per poll


@login_required
@require_safe
def asset_similar(request: PageRequest, pk: int) -> HttpResponse:
    """Render similar assets."""
    asset = _asset(request, pk)
    found: list[SearchHit] = []
    problem = None
    try:
        question = SearchQuery(shown=(like_asset(asset),))
        found = search(person=request.user, question=question, limit=MAX_SIMILAR, keep=False).found
    except ProblemError as error:
        problem = error
    context = {"asset": asset, "found": found, "problem": problem}
    # 200 also with a problem: an incomplete fragment is not a failed page
    return render(request, "search/_similar.html", context)


@login_required
@require_safe
def asset_card(request: PageRequest, pk: int) -> HttpResponse:
    """Render the card of the grid; a page adds it on top after an upload."""
    found = SearchHit(_asset(request, pk))
    return render(request, "search/_card.html", {"found": found, "fresh": True})


@login_required
@require_safe
def asset_index_state(request: PageRequest, pk: int) -> HttpResponse:
    """Render the index state."""
    asset = _asset(request, pk)
    return render(request, "search/_index_state.html", _state(request, asset))


@login_required
@require_POST
def asset_index_again(request: PageRequest, pk: int) -> HttpResponse:
    """Enqueue the asset for indexing, and render its index state."""
    asset = _asset(request, pk)
    permissions.require_editor(request.user, asset.brand)
    # Saving sends the signal that search indexes on, so there is only one way into the index
    update_asset(asset=asset)
    if not request.htmx:
        return HttpResponseRedirect(asset.get_absolute_url())
    return render(request, "search/_index_state.html", _state(request, _asset(request, pk)))


@login_required
@require_safe
def index_states(request: PageRequest) -> HttpResponse:
    """Render index states of the cards in `waiting` (ids) that are no longer pending."""
    ids = parse_ids(request.GET.getlist("waiting"), limit=MAX_STATES)
    seen = permissions.assets(request.user).filter(pk__in=ids).values("pk")
    rows = (
        Embedding.objects.in_active_space()
        .filter(asset_id__in=seen)
        .exclude(state=Embedding.State.PENDING)
    )
    states = rows.values("asset_id", "state", "reason")
    return render(request, "search/_index_states.html", {"rows": states})


def _asset(request: PageRequest, pk: int) -> Asset:
    seen = with_index_state(permissions.assets(request.user).with_tags()).select_related("brand")
    return get_object_or_404(seen, pk=pk)


def _state(request: PageRequest, asset: Asset) -> dict[str, Any]:
    return {"asset": asset, "may_create": permissions.can_edit(request.user, asset.brand)}
