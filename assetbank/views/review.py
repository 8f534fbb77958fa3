"""Deciding about drafts: the page of those that wait, and decisions about one or several."""

from __future__ import annotations

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
    Decision.Verdict.REJECTED: "sent back",
    Decision.Verdict.ARCHIVED: "archived",
}


@login_required
@require_safe
def review(request: PageRequest) -> HttpResponse:
    """Drafts that wait for this manager, big, with all that speaks against them."""
    back = request.GET.get("show") == "sent-back"
    found = (
        approval.changes_requested(request.user) if back else approval.pending_review(request.user)
    )
    manages = list(permissions.brands(request.user, *permissions.MANAGERS))
    brand = next((each for each in manages if each.slug == request.GET.get("brand")), None)
    if brand:
        found = found.filter(brand=brand)
    page = Paginator(found.select_related("brand", "created_by"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    assets = list(page.object_list)
    said = approval.decisions(assets)
    context = {
        "page": page,
        "cards": [
            {
                "asset": asset,
                "problems": approval.approval_blockers(asset, by=request.user, checks=False),
                "last": next(iter(said[asset.pk]), None),
            }
            for asset in assets
        ],
        "back": back,
        "manages": manages,
        "brand": brand,
        "here": request.get_full_path(),
    }
    return render(request, "assetbank/review.html", context)


@login_required
@require_safe
def review_count(request: PageRequest) -> HttpResponse:
    """The badge in the navigation."""
    waiting = approval.pending_review(request.user).count()
    response = render(request, "assetbank/_review_count.html", {"waiting": waiting})
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def decide(request: PageRequest) -> HttpResponse:
    """`verdict`, `reason` and one or more `asset`; one that cannot be decided stops no other."""
    verdict, reason = request.POST.get("verdict", ""), request.POST.get("reason", "")
    asked = parse_ids(request.POST.getlist("asset"), limit=MAX_AT_ONCE)
    seen = permissions.assets(request.user).select_related("brand")
    if len(asked) == 1:
        get_object_or_404(seen, pk=asked[0])
    done = []
    for asset in seen.filter(pk__in=asked):
        try:
            approval.decide(asset=asset, by=request.user, verdict=verdict, reason=reason)
            done.append(asset)
        except ProblemError as error:
            if len(asked) == 1:
                messages.error(request, error.message)
            else:
                messages.error(request, f"“{asset}”: {error.message}")
    if done:
        messages.success(request, _sentence(done, verdict))
    elif not asked:
        messages.error(request, "Nothing was selected.")
    return HttpResponseRedirect(_back(request))


def _sentence(done: list[Asset], verdict: str) -> str:
    verb = DONE[verdict]
    if len(done) == 1:
        return f"“{done[0]}” is {verb}."
    return f"{len(done)} pictures are {verb}."


def _back(request: PageRequest) -> str:
    wanted = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(
        wanted, {request.get_host()}, require_https=request.is_secure()
    )
    return wanted if here else reverse("review")
