"""Savings from drawing drafts first, recorded in the ledger when a final succeeds."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from generation.billing import ledger
from generation.billing.prices import ZERO, picture_prices
from generation.engines import catalog
from generation.models import EngineModel, Generation, LedgerEntry, Output


@transaction.atomic
def record_saving(final: Generation) -> None:
    """Record what drawing drafts first has saved, when a final of a request or batch succeeds.

    The saving is the price of all drafts at the size of the most expensive final, less the price of
    the drafts and finals that were drawn; at least 0. Each final records the difference to the
    earlier entries, so their sum is always right, and a second call for it adds nothing.
    """
    model, draft = catalog.find_model(final.model), final.draft
    if model is None or draft is None:
        return
    drafted = Generation.objects.select_for_update(of=("self",)).get(pk=draft.generation_id)
    drafts = _drafts(drafted)
    siblings = Generation.objects.filter(draft__in=drafts)
    finals = siblings.filter(Q(state=Generation.State.SUCCEEDED) | Q(pk=final.pk))
    sizes = list(drafts.values_list("generation__image_size", flat=True))
    saved = _saved(model, sizes, finals.values_list("image_size", flat=True))
    entries = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SAVED, generation__in=siblings)
    recorded: Decimal = entries.aggregate(usd=Sum("usd"))["usd"] or ZERO
    note = f"{len(sizes)} drafts first, then this at {final.image_size}"
    ledger.record_saved(final, saved - recorded, note)


def saving_of(final: Generation) -> Decimal:
    """Return the US dollars recorded as saved with a final; negative if it reduced the saving that
    earlier finals had recorded."""
    saved = final.ledger.filter(kind=LedgerEntry.Kind.SAVED).aggregate(usd=Sum("usd"))["usd"]
    return saved or ZERO


def _drafts(drafted: Generation) -> QuerySet[Output]:
    """Return the outputs in the library that were drawn as drafts together: those of a generation,
    or of all generations of its batch."""
    together = Q(generation__batch=drafted.batch_id) if drafted.batch_id else Q(generation=drafted)
    return Output.objects.filter(together).exclude(asset=None)


def _saved(model: EngineModel, drafts: Iterable[str], finals: Iterable[str]) -> Decimal:
    """Return the US dollars saved by drafts and finals of these sizes, at least 0."""
    prices = picture_prices(model)
    draft_prices = [prices.get(size, ZERO) for size in drafts]
    final_prices = [prices.get(size, ZERO) for size in finals]
    if not final_prices:
        return ZERO
    all_final = max(final_prices) * len(draft_prices)
    return max(ZERO, all_final - sum(draft_prices) - sum(final_prices))
