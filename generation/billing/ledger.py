"""What a generation costs: reserved before it is drawn, charged when it comes, released at its end.

All in US dollars. The ledger is only ever added to. A reservation is taken back bit by bit as
answers are charged, and the rest of it when its generation ends, so that the sum of a finished
generation's entries is what it was charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import DecimalField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from assetbank import permissions
from assetbank.models import Brand
from generation import conversation
from generation.billing import caps
from generation.billing.prices import ZERO, estimate, price, rounded
from generation.engines import catalog
from generation.models import Generation, LedgerEntry, Take

Kind = LedgerEntry.Kind


def estimate_of(generation: Generation, *, pictures: int, in_bulk: bool = False) -> Decimal:
    """Of so many pictures of a generation that is saved with its references: each is asked for with
    all that was said and shown before."""
    model = catalog.find_model(generation.model)
    if model is None:
        return ZERO
    shown = generation.reference_rows.count() + bool(generation.draft_id)
    if generation.refines:
        shown += conversation.image_count(generation.refines)
    return estimate(
        model,
        size=generation.image_size,
        count=pictures,
        references=shown,
        prompt=generation.full_prompt or generation.prompt,
        in_bulk=in_bulk,
    )


def reserve(generation: Generation, *, pictures: int, in_bulk: bool = False) -> Decimal:
    """Set the estimate aside, in the transaction in which the generation is queued.

    Raises InvalidRequest where the brand's or the person's cap does not allow it. Whoever asks at
    the same time waits for that transaction.
    """
    usd = estimate_of(generation, pictures=pictures, in_bulk=in_bulk)
    if not usd:
        return usd
    caps.require_room(generation.brand, generation.created_by, usd)
    _enter(generation, Kind.RESERVED, usd, note=f"{pictures} to make")
    return usd


def charge(
    take: Take, usage: Mapping[str, Any], *, pictures: int = 0, in_bulk: bool = False
) -> Decimal:
    """Enter what an answer cost, in the transaction in which it is recorded, and before it is:
    its share of the reservation is that of one among the takes that are still missing."""
    generation = take.generation
    model = catalog.find_model(generation.model)
    if model is None:
        return ZERO
    usd = price(usage, model, pictures=pictures, size=generation.image_size, in_bulk=in_bulk)
    _charge(take, usd)
    return usd


def charge_unknown(take: Take, *, in_bulk: bool = False) -> Decimal:
    """Enter the estimate for an answer that did not arrive, and may have been billed all the
    same; in the transaction in which it is recorded, and before it is."""
    usd = estimate_of(take.generation, pictures=1, in_bulk=in_bulk)
    _charge(take, usd, note="No answer arrived; it may have been billed.")
    return usd


def _charge(take: Take, usd: Decimal, note: str = "") -> None:
    generation = take.generation
    if usd:
        _enter(generation, Kind.CHARGED, usd, take=take, note=note)
    missing = {*generation.missing, take.number}
    _enter(generation, Kind.RELEASED, -rounded(reserved(generation) / len(missing)), take=take)


def release(generation: Generation) -> None:
    """Take back what is left of the reservation, in the transaction in which it ends."""
    _enter(generation, Kind.RELEASED, -reserved(generation))


def reserved(generation: Generation) -> Decimal:
    """What is still set aside for it."""
    return generation.ledger.filter(kind__in=[Kind.RESERVED, Kind.RELEASED]).total()


def charged(generation: Generation) -> Decimal:
    return generation.ledger.filter(kind=Kind.CHARGED).total()


@dataclass(frozen=True)
class Cost:
    estimated: Decimal  # each time that it was asked for
    charged: Decimal


def cost_for(person: User, generation: Generation) -> Cost | None:
    """What it cost, for whoever may know: managers of its brand, staff, and who asked for it."""
    own = generation.created_by_id == person.pk
    return cost(generation) if own or permissions.can_manage(person, generation.brand) else None


def cost(generation: Generation) -> Cost | None:
    """None for one that was free."""
    sums = dict(generation.ledger.order_by().values_list("kind").annotate(Sum("usd")))
    if not (estimated := sums.get(Kind.RESERVED)):
        return None
    return Cost(estimated, sums.get(Kind.CHARGED, ZERO))


def with_costs(generations: QuerySet[Generation]) -> QuerySet[Generation]:
    """Each with what it was estimated at and charged, as `estimated_usd` and `cost_usd`."""

    def usd(kind: str) -> Coalesce:
        entries = LedgerEntry.objects.filter(generation=OuterRef("pk"), kind=kind).order_by()
        sums = entries.values("generation").annotate(sum=Sum("usd")).values("sum")
        return Coalesce(Subquery(sums), Value(ZERO), output_field=DecimalField())

    return generations.annotate(estimated_usd=usd(Kind.RESERVED), cost_usd=usd(Kind.CHARGED))


def record_avoided(*, brand: Brand, person: User, usd: Decimal, note: str = "") -> None:
    """A picture that was there already was taken instead of a new one."""
    LedgerEntry.objects.create(brand=brand, person=person, kind=Kind.AVOIDED, usd=usd, note=note)


def record_saved(generation: Generation, usd: Decimal, note: str = "") -> None:
    """Drafts first, or in bulk: what it would have cost otherwise is not spent."""
    _enter(generation, Kind.SAVED, usd, note=note)


def _enter(
    generation: Generation, kind: str, usd: Decimal, *, take: Take | None = None, note: str = ""
) -> None:
    if not usd:
        return
    LedgerEntry.objects.create(
        brand_id=generation.brand_id,
        person_id=generation.created_by_id,
        generation=generation,
        kind=kind,
        usd=rounded(usd),
        take=take,
        note=note,
    )
