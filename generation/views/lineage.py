"""Lineage of an asset: its sources and descendants."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from assetbank import permissions
from assetbank.http import PageRequest
from assetbank.models import Asset
from generation.lineage import graph
from generation.models import EngineModel, Output
from generation.views.querysets import visible_generations
from generation.workflows import refine

NEAR = {"depth": 2, "width": 6, "max_nodes": 36}  # of the tree that other pages show


@login_required
@require_safe
def asset_lineage(request: PageRequest, pk: int) -> HttpResponse:
    """Show the page with the tree; to htmx return a fragment for the asset's page, with the near
    part of the tree and the form for an edit."""
    asset = _asset(request, pk)
    if request.htmx:
        response = _fragment(request, asset)
    else:
        context = {"asset": asset, "tree": graph.lineage_tree(asset, request.user)}
        response = render(request, "generation/lineage.html", context)
    response["Vary"], response["Cache-Control"] = "HX-Request, Cookie", "private, no-store"
    return response


def _fragment(request: PageRequest, asset: Asset) -> HttpResponse:
    context: dict[str, Any] = {
        "asset": asset,
        "tree": graph.lineage_tree(asset, request.user, **NEAR),
        "made_by": visible_generations(request)
        .filter(outputs__asset=asset)
        .order_by("-id")
        .first(),
        **_edit_context(request, asset),
    }
    return render(request, "generation/_lineage.html", context)


@login_required
@require_safe
def made_with(request: PageRequest, pk: int) -> HttpResponse:
    """Return a fragment with the descendants of an asset: for the page that confirms its deletion,
    or with `?merged` for the page that confirms that another asset replaces it."""
    asset = _asset(request, pk)
    context = {
        "asset": asset,
        "root": graph.lineage_tree(asset, request.user, **NEAR).made_with,
        "together": len(graph.descendants([asset.pk], in_trash=False)),
        "merged": "merged" in request.GET,
    }
    return render(request, "generation/_made_with.html", context)


def _asset(request: PageRequest, pk: int) -> Asset:
    return get_object_or_404(permissions.assets(request.user), pk=pk)


def _edit_context(request: PageRequest, asset: Asset) -> dict[str, Any]:
    """Return the template context of the edit form on an asset's page: the output that the asset
    is, if the user may edit it."""
    brands = permissions.brands(request.user, *permissions.EDITORS)
    made = Output.objects.filter(asset=asset, generation__brand__in=brands).order_by("-id")
    output = made.defer("data").select_related("generation").first()
    if output is None:
        return {}
    model = EngineModel.objects.filter(pk=output.generation.model).first()
    return {"output": output, "goes_on": refine.can_refine(model), "token": uuid.uuid4()}
