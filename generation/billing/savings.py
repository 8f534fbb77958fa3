"""What drawing drafts first has saved, told in the ledger when the final picture is there."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from generation.billing import ledger
from generation.billing import prices as prices_module
from generation.engines import catalog
from generation.models import EngineModel, Generation, LedgerEntry, Output


@transaction.atomic
def record_saving(final: Generation) -> None:
    """All drafts of the request or batch at the size of its largest final, less the drafts and the
    finals that were paid for instead; never below nothing. A further final takes its price off
    again: the entries of a request always sum up to what is true. Run twice, it writes once."""
    model, draft = catalog.find_model(final.model), final.draft
    if model is None or draft is None:
        return
    drafted = Generation.objects.select_for_update(of=("self",)).get(pk=draft.generation_id)
    drafts = _drafts(drafted)
    theirs = Generation.objects.filter(draft__in=drafts)
    finals = theirs.filter(Q(state=Generation.State.SUCCEEDED) | Q(pk=final.pk))
    sizes = list(drafts.values_list("generation__image_size", flat=True))
    saved = _saved(model, sizes, finals.values_list("image_size", flat=True))
    told = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SAVED, generation__in=theirs)
    before: Decimal = told.aggregate(usd=Sum("usd"))["usd"] or prices_module.ZERO
    note = f"{len(sizes)} drafts first, then this at {final.image_size}"
    ledger.record_saved(final, saved - before, note)


def saving_of(final: Generation) -> Decimal:
    """What was told with that one; negative where it took off what others had saved."""
    saved = final.ledger.filter(kind=LedgerEntry.Kind.SAVED).aggregate(usd=Sum("usd"))["usd"]
    return saved or prices_module.ZERO


def _drafts(drafted: Generation) -> QuerySet[Output]:
    beside = Q(generation__batch=drafted.batch_id) if drafted.batch_id else Q(generation=drafted)
    return Output.objects.filter(beside).exclude(asset=None)


def _saved(model: EngineModel, drafts: Iterable[str], finals: Iterable[str]) -> Decimal:
    prices = prices_module.picture_prices(model)
    drafted = [prices.get(size, prices_module.ZERO) for size in drafts]
    made = [prices.get(size, prices_module.ZERO) for size in finals]
    if not made:
        return prices_module.ZERO
    return max(prices_module.ZERO, max(made) * len(drafted) - sum(drafted) - sum(made))
