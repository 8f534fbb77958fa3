"""What may be spent in a calendar month, by a brand and by a person."""

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
# Keys of PostgreSQL's advisory locks; taken in this order
BRAND_LOCK, PERSON_LOCK = 7_301, 7_302


def month(day: datetime.date | None = None) -> tuple[datetime.datetime, datetime.datetime]:
    """When the calendar month of that day begins and ends, in the site's time zone."""
    first = (day or timezone.localdate()).replace(day=1)
    following = (first + datetime.timedelta(days=32)).replace(day=1)
    return _midnight(first), _midnight(following)


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time()))


def is_reservation() -> Q:
    """Entries of what is not finished: their sum may be charged yet, in whichever month that is."""
    return Q(kind__in=[Kind.RESERVED, Kind.RELEASED], generation__state__in=Generation.UNFINISHED)


def is_committed() -> Q:
    """Entries that a cap counts now: what was charged this month, and what is set aside."""
    begin, end = month()
    return Q(kind=Kind.CHARGED, at__gte=begin, at__lt=end) | is_reservation()


def remaining(cap: SpendingCap) -> Decimal:
    """What the cap still allows this month; never below nothing."""
    theirs = Q(brand=cap.brand) if cap.brand_id else Q(person=cap.person)
    entries = LedgerEntry.objects.filter(theirs)
    return max(ZERO, cap.monthly_usd - entries.filter(is_committed()).total())


def caps_of(brand: Brand, person: User | None) -> list[SpendingCap]:
    """Those that a request of that person for that brand stays within; the brand's first."""
    theirs = Q(brand=brand) | (Q(person=person) if person else Q(pk=None))
    caps = SpendingCap.objects.filter(theirs).select_related("brand", "person")
    return sorted(caps, key=lambda cap: cap.brand_id is None)


@dataclass(frozen=True)
class Quote:
    """What something would cost. `left`: what the narrower cap still allows; None without one."""

    usd: Decimal
    usd_in_bulk: Decimal | None
    left: Decimal | None
    problem: str = ""  # why it cannot be paid
    note: str = ""  # what to know about the model


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
    """The estimate, and whether the caps allow it at this moment."""
    amounts: dict[str, Any] = {"size": size, "count": count, "references": references}
    usd = estimate(model, **amounts, prompt=prompt)
    in_bulk = estimate(model, **amounts, prompt=prompt, in_bulk=True) if model.batches else None
    rests = {cap: remaining(cap) for cap in caps_of(brand, person)}
    problems = [_over(cap, usd, rest) for cap, rest in rests.items() if usd > rest]
    return Quote(
        usd=usd,
        usd_in_bulk=in_bulk,
        left=min(rests.values(), default=None),
        problem=problems[0] if problems and usd else "",
        note=catalog.retirement_note(model),
    )


def require_room(brand: Brand, person: User | None, usd: Decimal) -> None:
    for cap in caps_of(brand, person):
        _lock(cap)
        rest = remaining(cap)
        if usd > rest:
            raise InvalidRequest(_over(cap, usd, rest), code="spending_cap")


def _lock(cap: SpendingCap) -> None:
    """Held until the transaction ends, so that two requests cannot both take the last dollar."""
    kind, pk = (BRAND_LOCK, cap.brand_id) if cap.brand_id else (PERSON_LOCK, cap.person_id)
    assert pk is not None  # a constraint: each cap has one of the two
    locks.lock_in_transaction((kind, pk))


def _over(cap: SpendingCap, usd: Decimal, rest: Decimal) -> str:
    whose = f"{cap.brand} has" if cap.brand_id else "you have"
    return (
        f"This would cost about {format_usd(usd)}, and {whose} {format_usd(rest)} left of the "
        f"{format_usd(cap.monthly_usd)} for this month. Generate less, or ask the site "
        "administrator to raise the spending limit."
    )
