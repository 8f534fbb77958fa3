"""Usage rights of an asset: the sources of its terms, their withdrawal, and lifting it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.errors import InvalidAsset
from assetbank.http import PageRequest
from assetbank.models import Asset
from generation.lineage import inheritance, quarantine
from generation.views.querysets import visible_generations
from generation.workflows import withdrawal

MAX_SHOWN = 60


@login_required
@require_safe
def asset_rights(request: PageRequest, pk: int) -> HttpResponse:
    """Return the fragment about usage rights on the page of an asset."""
    asset = _asset(request, pk)
    made_by = visible_generations(request).filter(outputs__asset=asset).order_by("-id").first()
    sources = inheritance.sources(made_by) if made_by else []
    visible = permissions.assets(request.user).in_bulk([source.pk for source in sources])
    held = quarantine.active_quarantines([asset])
    held_by = [row.withdrawal for row in held]
    known = quarantine.visible_withdrawals(held_by, request.user)
    context = {
        "asset": asset,
        "sources": [source for source in sources if source.pk in visible],
        "unseen": len(sources) - len(visible),
        "held_by": [(each, each.pk in known) for each in held_by],
        "own": withdrawal.active_withdrawal(asset),
        "liftable": withdrawal.liftable_withdrawal(person=request.user, asset=asset),
        "may_manage": permissions.can_manage(request.user, asset.brand),
    }
    return render(request, "generation/_rights.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: PageRequest, pk: int) -> HttpResponse:
    """Show what a withdrawal of an asset's usage rights would affect; on POST, withdraw them."""
    asset = _asset(request, pk)
    permissions.require_manager(request.user, asset.brand)
    problem, reason = "", ""
    if request.method == "POST":
        reason = request.POST.get("reason", "")
        try:
            done = withdrawal.withdraw_rights(person=request.user, asset=asset, reason=reason)
        except InvalidAsset as error:
            problem = error.message
        else:
            many = done.quarantined.count()
            messages.success(
                request, f"Usage rights revoked: {many} asset{'s' * (many != 1)} quarantined."
            )
            return redirect("asset", pk=pk)
    context: dict[str, Any] = {
        "asset": asset,
        "concerned": withdrawal.affected_by(person=request.user, asset=asset),
        "copies": permissions.copies_in_other_brands(request.user, asset),
        "most": MAX_SHOWN,
        "problem": problem,
        "reason": reason,
        "longest": withdrawal.MAX_REASON_LENGTH,
    }
    return render(request, "generation/withdraw.html", context, status=400 if problem else 200)


@login_required
@require_POST
def reinstate(request: PageRequest, pk: int) -> HttpResponse:
    asset = _asset(request, pk)
    try:
        released = withdrawal.reinstate_rights(person=request.user, asset=asset)
    except InvalidAsset as error:
        messages.error(request, error.message)
    else:
        many = len(released)
        messages.success(
            request,
            f"Usage rights reinstated: {many} asset{'s' * (many != 1)} released from quarantine.",
        )
    return redirect("asset", pk=pk)


def _asset(request: PageRequest, pk: int) -> Asset:
    return get_object_or_404(permissions.assets(request.user).select_related("brand"), pk=pk)
