"""What an asset was made from, and what was made with it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from assetbank import access
from assetbank.views import PageRequest
from generation.views.seen import generations

LINEAGE = 12  # generations that an asset's page lists


@login_required
@require_safe
def asset_lineage(request: PageRequest, pk: int) -> HttpResponse:
    """What an asset was made from, and what was made with it."""
    asset = get_object_or_404(access.assets(request.user), pk=pk)
    seen = generations(request).order_by("-id")
    context = {
        "asset": asset,
        "made_from": seen.filter(outputs__asset=asset).distinct().first(),
        "made_with": list(seen.filter(reference_rows__asset=asset).distinct()[:LINEAGE]),
    }
    return render(request, "generation/_lineage.html", context)
