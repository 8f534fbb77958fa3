"""Spending caps: what a brand or a user may spend in a calendar month, in US dollars."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from assetbank import locks
from assetbank.models import Brand
from generation.billing.prices import ZERO, estimate, format_usd
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.models import EngineModel, Generation, LedgerEntry, SpendingCap

Kind = LedgerEntry.Kind
# First keys of PostgreSQL's advisory locks; always taken in this order, against deadlocks
BRAND_LOCK, PERSON_LOCK = 7_301, 7_302


def month(day: datetime.date | None = None) -> tuple[datetime.datetime, datetime.datetime]:
    """Return the begin and the end of the calendar month of `day` (default: today), in the site's
    time zone."""
    first = (day or timezone.localdate()).replace(day=1)
    next_month = (first + datetime.timedelta(days=32)).replace(day=1)
    return _midnight(first), _midnight(next_month)


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time()))


def is_reservation() -> Q:
    """Return a filter for the ledger entries of unfinished generations: their sum is reserved and
    may still be charged, in whatever month it was reserved."""
    return Q(kind__in=[Kind.RESERVED, Kind.RELEASED], generation__state__in=Generation.UNFINISHED)


def is_committed() -> Q:
    """Return a filter for the ledger entries that count against a cap now: the charges of this
    month, and the reservations of all unfinished generations."""
    begin, end = month()
    return Q(kind=Kind.CHARGED, at__gte=begin, at__lt=end) | is_reservation()


def remaining(cap: SpendingCap) -> Decimal:
    """Return the US dollars that a cap still allows this month, at least 0."""
    owner = Q(brand=cap.brand) if cap.brand_id else Q(person=cap.person)
    entries = LedgerEntry.objects.filter(owner)
    return max(ZERO, cap.monthly_usd - entries.filter(is_committed()).total())


def caps_of(brand: Brand, person: User | None) -> list[SpendingCap]:
    """Return the caps that limit a user's requests for a brand: the brand's first, then the
    user's."""
    owners = Q(brand=brand) | (Q(person=person) if person else Q(pk=None))
    caps = SpendingCap.objects.filter(owners).select_related("brand", "person")
    return sorted(caps, key=lambda cap: cap.brand_id is None)


@dataclass(frozen=True)
class Quote:
    """Cost of a request in US dollars.

    `left` is what the narrower cap still allows, None without a cap.
    """

    usd: Decimal
    usd_in_bulk: Decimal | None
    left: Decimal | None
    problem: str = ""  # Why the caps do not allow it; "" if they do
    note: str = ""  # About the retirement of the model; "" if there is nothing to know


def quote(
    *,
    person: User,
    brand: Brand,
    model: EngineModel,
    size: str = "",
    count: int = 1,
    references: int = 0,
    prompt: str = "",
) -> Quote:
    """Return the estimate for `count` images, with a problem if the caps of the brand or the user
    do not allow it now.

    `references` is the number of images sent with each request.
    """
    amounts: dict[str, Any] = {"size": size, "count": count, "references": references}
    usd = estimate(model, **amounts, prompt=prompt)
    in_bulk = estimate(model, **amounts, prompt=prompt, in_bulk=True) if model.batches else None
    left = {cap: remaining(cap) for cap in caps_of(brand, person)}
    problems = [_exceeded(cap, usd, rest) for cap, rest in left.items() if usd > rest]
    return Quote(
        usd=usd,
        usd_in_bulk=in_bulk,
        left=min(left.values(), default=None),
        problem=problems[0] if problems and usd else "",
        note=catalog.retires_soon_sentence(model),
    )


def require_room(brand: Brand, person: User | None, usd: Decimal) -> None:
    """Raise InvalidRequest if a cap of the brand or the user does not allow `usd` US dollars more.
    Lock these caps until the transaction ends."""
    for cap in caps_of(brand, person):
        _lock(cap)
        left = remaining(cap)
        if usd > left:
            raise InvalidRequest(_exceeded(cap, usd, left), code="spending_cap")


def _lock(cap: SpendingCap) -> None:
    """Lock a cap until the transaction ends, so that two requests cannot both use what is left."""
    kind, pk = (BRAND_LOCK, cap.brand_id) if cap.brand_id else (PERSON_LOCK, cap.person_id)
    assert pk is not None  # a database constraint: each cap has one of the two
    locks.lock_in_transaction((kind, pk))


def _exceeded(cap: SpendingCap, usd: Decimal, left: Decimal) -> str:
    owner = f"{cap.brand} has" if cap.brand_id else "you have"
    return (
        f"This would cost about {format_usd(usd)}, and {owner} {format_usd(left)} left of the "
        f"{format_usd(cap.monthly_usd)} for this month. Generate less, or ask the site "
        "administrator to raise the spending limit."
    )
