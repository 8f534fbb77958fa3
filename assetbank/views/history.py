"""The history of an asset: a panel of its page, with undo of single changes."""

from __future__ import annotations

import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from assetbank import permissions
from assetbank.assets import can_undo, undo_change
from assetbank.errors import ProblemError
from assetbank.history import PAGE, changes_of
from assetbank.http import PageRequest
from assetbank.models import Asset


@login_required
@require_safe
def listed(request: PageRequest, pk: int) -> HttpResponse:
    """Render a fragment with the latest changes; `?before=` continues the list."""
    asset = _asset(request, pk)
    try:
        before = datetime.datetime.fromisoformat(request.GET["before"])
    except (KeyError, ValueError):
        before = None
    if before is not None and before.tzinfo is None:
        before = None
    found = changes_of(asset, before=before, limit=PAGE + 1)
    shown = [(change, can_undo(change)) for change in found[:PAGE]]
    context = {
        "asset": asset,
        "changes": shown,
        "earlier": shown[-1][0].at.isoformat() if len(found) > PAGE else "",
        "continued": before is not None,
    }
    return render(request, "assetbank/_history.html", context)


@login_required
@require_POST
def revert(request: PageRequest, pk: int) -> HttpResponse:
    """Undo the change whose id is in `change`."""
    asset = _asset(request, pk)
    try:
        undo_change(asset=asset, change_id=request.POST.get("change", ""), by=request.user)
    except ProblemError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The change is undone.")
    return redirect("asset", pk=pk)


def _asset(request: PageRequest, pk: int) -> Asset:
    """Return the asset. Its history is for editors: it names colleagues, and what was hidden."""
    visible = permissions.assets(request.user).select_related("brand")
    asset = get_object_or_404(visible, pk=pk)
    permissions.require_editor(request.user, asset.brand)
    return asset
