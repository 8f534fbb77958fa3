"""Review: the page of drafts that await a decision, and decisions about one or several assets."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from assetbank import permissions
from assetbank.assets import approval
from assetbank.errors import ProblemError
from assetbank.http import PageRequest
from assetbank.models import Asset, Decision
from assetbank.text import parse_ids

PER_PAGE = 12
MAX_AT_ONCE = 200
DONE: dict[str, str] = {
    Decision.Verdict.APPROVED: "approved",
    Decision.Verdict.REJECTED: "returned for changes",
    Decision.Verdict.ARCHIVED: "archived",
}


@login_required
@require_safe
def review(request: PageRequest) -> HttpResponse:
    """Render the drafts that await this manager's decision, with their approval blockers."""
    changes_requested = request.GET.get("show") == "sent-back"
    drafts = (
        approval.changes_requested(request.user)
        if changes_requested
        else approval.pending_review(request.user)
    )
    managed: list[Any] = list(
        approval.count_terms_to_check(permissions.brands(request.user, *permissions.MANAGERS))
    )
    brand = next((each for each in managed if each.slug == request.GET.get("brand")), None)
    if brand:
        drafts = drafts.filter(brand=brand)
    page = Paginator(drafts.select_related("brand", "created_by"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    assets = list(page.object_list)
    decisions = approval.decisions(assets)
    context = {
        "page": page,
        "cards": [
            {
                "asset": asset,
                "problems": approval.approval_blockers(asset, by=request.user, checks=False),
                "last": next(filter(approval.sets_status, decisions[asset.pk]), None),
            }
            for asset in assets
        ],
        "back": changes_requested,
        "manages": managed,
        "brand": brand,
        "here": request.get_full_path(),
        "terms_to_check": sum(each.terms_to_check for each in ([brand] if brand else managed)),
    }
    return render(request, "assetbank/review.html", context)


@login_required
@require_safe
def review_count(request: PageRequest) -> HttpResponse:
    """Render the badge in the navigation: the number of drafts that await a decision."""
    waiting = approval.pending_review(request.user).count()
    response = render(request, "assetbank/_review_count.html", {"waiting": waiting})
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def decide(request: PageRequest) -> HttpResponse:
    """Decide about the posted `asset` ids with `verdict` and `reason`.

    An asset that cannot be decided about gets a message, and does not stop the others.
    """
    verdict, reason = request.POST.get("verdict", ""), request.POST.get("reason", "")
    ids = parse_ids(request.POST.getlist("asset"), limit=MAX_AT_ONCE)
    visible = permissions.assets(request.user).select_related("brand")
    if len(ids) == 1:
        get_object_or_404(visible, pk=ids[0])
    done = []
    for asset in visible.filter(pk__in=ids):
        try:
            approval.decide(asset=asset, by=request.user, verdict=verdict, reason=reason)
            done.append(asset)
        except ProblemError as error:
            if len(ids) == 1:
                messages.error(request, error.message)
            else:
                messages.error(request, f"“{asset}”: {error.message}")
    if done:
        messages.success(request, _sentence(done, verdict))
    elif not ids:
        messages.error(request, "No draft is selected.")
    return HttpResponseRedirect(_next_address(request))


def _sentence(done: list[Asset], verdict: str) -> str:
    verb = DONE[verdict]
    if len(done) == 1:
        return f"“{done[0]}” is {verb}."
    return f"{len(done)} assets are {verb}."


def _next_address(request: PageRequest) -> str:
    """Return the posted `next`, if it is an address of this site, else the review page."""
    next_url = request.POST.get("next", "")
    is_local = url_has_allowed_host_and_scheme(
        next_url, {request.get_host()}, require_https=request.is_secure()
    )
    return next_url if is_local else reverse("review")
