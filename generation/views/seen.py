"""What a person may see of the studio, with all that a page shows of it."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404

from assetbank import access
from assetbank.errors import NotAllowed
from assetbank.views import PageRequest
from generation.models import Generation, Output, Reference


def generation_of(request: PageRequest, pk: int) -> Generation:
    return get_object_or_404(generations(request), pk=pk)


def generations(request: PageRequest) -> QuerySet[Generation]:
    """Those of the brands that the person sees, with what a page shows of each."""
    seen = access.assets(request.user)
    return (
        Generation.objects.filter(brand__in=access.brands(request.user))
        .select_related("brand", "created_by")
        .prefetch_related(
            Prefetch("outputs", Output.objects.defer("data").prefetch_related("asset")),
            Prefetch(
                "reference_rows",
                # what the person may not see is shown as a title only
                Reference.objects.prefetch_related(Prefetch("asset", seen)),
            ),
        )
    )


def require_creator_somewhere(request: PageRequest) -> None:
    if not access.brands(request.user, *access.CREATORS).exists():
        raise NotAllowed("You may look at the library, but not make pictures from it.")
