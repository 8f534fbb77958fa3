"""Cost ledger: an estimate is reserved before drawing, answers are charged, the rest is released.

All amounts are in US dollars. Entries are only ever added. A part of the reservation is released
with each charge, and the rest when the generation ends, so the sum of a finished generation's
entries is what it was charged.
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
    """Return the estimate for that many images of a generation saved with its references; 0 if its
    model is unknown.

    Each image is requested with the whole conversation and all references.
    """
    model = catalog.find_model(generation.model)
    if model is None:
        return ZERO
    references = generation.reference_rows.count() + bool(generation.draft_id)
    if generation.refines:
        references += conversation.image_count(generation.refines)
    return estimate(
        model,
        size=generation.image_size,
        count=pictures,
        references=references,
        prompt=generation.full_prompt or generation.prompt,
        in_bulk=in_bulk,
    )


def reserve(generation: Generation, *, pictures: int, in_bulk: bool = False) -> Decimal:
    """Reserve the estimate for that many images of a generation, in the transaction in which it is
    queued, and return the estimate in US dollars.

    Concurrent requests under the same cap wait for that transaction. Raises InvalidRequest if the
    brand's or the user's cap does not allow it.
    """
    usd = estimate_of(generation, pictures=pictures, in_bulk=in_bulk)
    if not usd:
        return usd
    caps.require_room(generation.brand, generation.created_by, usd)
    _add(generation, Kind.RESERVED, usd, note=f"{pictures} to generate")
    return usd


def charge(
    take: Take, usage: Mapping[str, Any], *, pictures: int = 0, in_bulk: bool = False
) -> Decimal:
    """Charge the price of an answer, release its share of the reservation, and return the price.

    Called in the transaction that records the answer, and before that: the share is that of one of
    the takes that are still missing.
    """
    generation = take.generation
    model = catalog.find_model(generation.model)
    if model is None:
        return ZERO
    usd = price(usage, model, pictures=pictures, size=generation.image_size, in_bulk=in_bulk)
    _charge(take, usd)
    return usd


def charge_unknown(take: Take, *, in_bulk: bool = False) -> Decimal:
    """Charge the estimate for an answer that is lost but may have been billed, and return it.

    Called like `charge`: in the transaction that records the outcome, and before that.
    """
    usd = estimate_of(take.generation, pictures=1, in_bulk=in_bulk)
    _charge(take, usd, note="No response arrived; it may have been billed.")
    return usd


def _charge(take: Take, usd: Decimal, note: str = "") -> None:
    generation = take.generation
    if usd:
        _add(generation, Kind.CHARGED, usd, take=take, note=note)
    missing = {*generation.missing, take.number}
    _add(generation, Kind.RELEASED, -rounded(reserved_usd(generation) / len(missing)), take=take)


def release(generation: Generation) -> None:
    """Release what is still reserved for a generation, in the transaction in which it ends."""
    _add(generation, Kind.RELEASED, -reserved_usd(generation))


def reserved_usd(generation: Generation) -> Decimal:
    """Return the US dollars that are still reserved for a generation."""
    return generation.ledger.filter(kind__in=[Kind.RESERVED, Kind.RELEASED]).total()


def charged_usd(generation: Generation) -> Decimal:
    """Return the US dollars that a generation was charged so far."""
    return generation.ledger.filter(kind=Kind.CHARGED).total()


@dataclass(frozen=True)
class Cost:
    """Cost of one generation, in US dollars."""

    estimated: Decimal  # Sum of the reservations of all attempts
    charged: Decimal


def cost_for(person: User, generation: Generation) -> Cost | None:
    """Return the cost of a generation if `person` may know it, who are staff, the managers of its
    brand and the user who requested it; None for others, and if it was free."""
    own = generation.created_by_id == person.pk
    return cost(generation) if own or permissions.can_manage(person, generation.brand) else None


def cost(generation: Generation) -> Cost | None:
    """Return the cost of a generation; None if it was free."""
    sums = dict(generation.ledger.order_by().values_list("kind").annotate(Sum("usd")))
    if not (estimated := sums.get(Kind.RESERVED)):
        return None
    return Cost(estimated, sums.get(Kind.CHARGED, ZERO))


def with_costs(generations: QuerySet[Generation]) -> QuerySet[Generation]:
    """Annotate generations with `estimated_usd` (the sum of their reservations) and `cost_usd` (the
    sum of their charges)."""

    def usd(kind: str) -> Coalesce:
        entries = LedgerEntry.objects.filter(generation=OuterRef("pk"), kind=kind).order_by()
        sums = entries.values("generation").annotate(sum=Sum("usd")).values("sum")
        return Coalesce(Subquery(sums), Value(ZERO), output_field=DecimalField())

    return generations.annotate(estimated_usd=usd(Kind.RESERVED), cost_usd=usd(Kind.CHARGED))


def record_avoided(*, brand: Brand, person: User, usd: Decimal, note: str = "") -> None:
    """Add an entry for the US dollars that were not spent, because the user took an existing image
    instead of a new one."""
    LedgerEntry.objects.create(brand=brand, person=person, kind=Kind.AVOIDED, usd=usd, note=note)


def record_saved(generation: Generation, usd: Decimal, note: str = "") -> None:
    """Add an entry for the US dollars by which a draft, or a bulk order, was cheaper than the same
    generation at full price."""
    _add(generation, Kind.SAVED, usd, note=note)


def _add(
    generation: Generation, kind: str, usd: Decimal, *, take: Take | None = None, note: str = ""
) -> None:
    """Add an entry of `usd`, rounded, to the ledger of a generation; none if it is 0."""
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
