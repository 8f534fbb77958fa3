"""Querysets of what the user may view in the studio, with the relations that pages show."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404

from assetbank import permissions
from assetbank.errors import NotAllowed
from assetbank.http import PageRequest
from generation.models import Batch, Generation, Output, Reference
from generation.permissions import batches, generations


def generation_of(request: PageRequest, pk: int) -> Generation:
    """Return a generation that the user may view, with what pages show of it. Raises Http404."""
    return get_object_or_404(generation_details(request), pk=pk)


def visible_generations(request: PageRequest) -> QuerySet[Generation]:
    """Return the generations that the user may view. In their outputs and references, the assets
    that the user may not view are None."""
    assets = permissions.assets(request.user)
    return (
        generations(request.user)
        .select_related("brand", "created_by", "preset_version__preset")
        .prefetch_related(
            Prefetch(
                "outputs",
                Output.objects.defer("data").prefetch_related(Prefetch("asset", assets)),
            ),
            Prefetch(
                "reference_rows",
                # without its asset, a reference is shown by its recorded title
                Reference.objects.prefetch_related(Prefetch("asset", assets)),
            ),
        )
    )


def generation_details(request: PageRequest) -> QuerySet[Generation]:
    """Return the generations that the user may view, with their takes, and with the findings and
    finals of their outputs prefetched."""
    return visible_generations(request).prefetch_related(
        "takes", "outputs__findings", "outputs__finals"
    )


def visible_batches(request: PageRequest) -> QuerySet[Batch]:
    """Return the batches that the user may view, with their bulk orders."""
    rows = batches(request.user)
    return rows.select_related("brand", "created_by").prefetch_related("jobs")


def visible_outputs(request: PageRequest) -> QuerySet[Output]:
    """Return the outputs whose assets the user may view."""
    rows = Output.objects.filter(
        generation__brand__in=permissions.brands(request.user),
        asset__in=permissions.assets(request.user),
    )
    return rows.defer("data").select_related("generation__brand", "asset")


def require_creator_somewhere(request: PageRequest) -> None:
    """Raise NotAllowed unless the user is a creator or manager of some brand."""
    if not permissions.brands(request.user, *permissions.EDITORS).exists():
        raise NotAllowed(
            "You have view access to the library only. Ask a manager of a brand for the "
            "creator role."
        )
