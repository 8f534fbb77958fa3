"""What a person may see of the studio, with all that a page shows of it."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404

from assetbank import permissions
from assetbank.errors import NotAllowed
from assetbank.http import PageRequest
from generation import permissions as visible
from generation.models import Generation, Output, Reference


def generation_of(request: PageRequest, pk: int) -> Generation:
    return get_object_or_404(followed(request), pk=pk)


def generations(request: PageRequest) -> QuerySet[Generation]:
    """Those that the person may see, with what a page shows of each."""
    seen = permissions.assets(request.user)
    return (
        visible.generations(request.user)
        .select_related("brand", "created_by", "preset_version__preset")
        .prefetch_related(
            Prefetch(
                "outputs",
                # a picture that the person may not see is not there for them
                Output.objects.defer("data").prefetch_related(Prefetch("asset", seen)),
            ),
            Prefetch(
                "reference_rows",
                # what the person may not see is shown as a title only
                Reference.objects.prefetch_related(Prefetch("asset", seen)),
            ),
        )
    )


def followed(request: PageRequest) -> QuerySet[Generation]:
    """The same, with their takes, and what is said and was made of each picture."""
    return generations(request).prefetch_related("takes", "outputs__findings", "outputs__finals")


def outputs(request: PageRequest) -> QuerySet[Output]:
    """The pictures that the person may see."""
    seen = Output.objects.filter(
        generation__brand__in=permissions.brands(request.user),
        asset__in=permissions.assets(request.user),
    )
    return seen.defer("data").select_related("generation__brand", "asset")


def require_creator_somewhere(request: PageRequest) -> None:
    if not permissions.brands(request.user, *permissions.EDITORS).exists():
        raise NotAllowed(
            "You have view access to the library only. Ask a manager of a brand for the "
            "creator role."
        )
