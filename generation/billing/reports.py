"""Monthly reports of spending: for staff of all brands, for managers of their brands, and for other
users of their own requests."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Min, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from assetbank import permissions
from assetbank.models import Asset, Brand
from generation.billing import caps
from generation.billing.prices import ZERO
from generation.errors import InvalidRequest
from generation.models import (
    EngineModel,
    Generation,
    LedgerEntry,
    LedgerQuerySet,
    Output,
    SpendingCap,
    Take,
)

Kind = LedgerEntry.Kind
MAX_MONTHS = 24  # Months offered for choice


@dataclass(frozen=True)
class ReportLine:
    """Charges of a month to one brand, user, model or preset: a line of the report."""

    name: str
    usd: Decimal
    answers: int


@dataclass(frozen=True)
class CapUsage:
    """A spending cap, and how much of it is used this month."""

    name: str
    usd: Decimal
    committed: Decimal

    @property
    def left(self) -> Decimal:
        return max(ZERO, self.usd - self.committed)

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.committed / self.usd)) if self.usd else 100


@dataclass(frozen=True)
class Refusals:
    """Refusals of a preset for one reason; `preset` is "" for requests without one."""

    preset: str
    code: str
    reason: str  # Sentence of one of them, with what to change
    count: int
    answers: int  # All answers for the preset, without lost and abandoned takes


@dataclass(frozen=True)
class Report:
    """Spending of one month, in US dollars."""

    month: datetime.date  # First day of the month
    charged: Decimal
    reserved: Decimal  # Reserved at this moment, whatever the month
    avoided: Decimal
    saved: Decimal
    made: int  # Assets in the library from requests of the month
    approved: int  # Those of them that are approved
    lines: dict[str, list[ReportLine]] = field(default_factory=dict)
    caps: list[CapUsage] = field(default_factory=list)
    refusals: list[Refusals] = field(default_factory=list)

    @property
    def per_approved(self) -> Decimal | None:
        return self.charged / self.approved if self.approved else None

    @property
    def empty(self) -> bool:
        amounts = (self.charged, self.reserved, self.avoided, self.saved)
        return not (any(amounts) or self.refusals or self.made)


def first_day(text: str) -> datetime.date:
    """Return the first day of a month written like 2026-11, of this month for "". Raises
    InvalidRequest."""
    if not text:
        return timezone.localdate().replace(day=1)
    if match := re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", text):
        return datetime.date(int(match[1]), int(match[2]), 1)
    raise InvalidRequest("Write the month like 2026-11.", code="invalid_month")


def entries(person: User, brand: Brand | None = None) -> LedgerQuerySet:
    """Return the ledger entries that a user may view, of all brands or only of `brand`."""
    visible = LedgerEntry.objects.filter(_visible(person, by="person"))
    return visible.filter(brand=brand) if brand else visible


def in_month(rows: LedgerQuerySet, month: datetime.date) -> LedgerQuerySet:
    """Return those of `rows` in the calendar month that begins with the day `month`."""
    begin, end = caps.month(month)
    return rows.filter(at__gte=begin, at__lt=end)


def months(person: User) -> list[datetime.date]:
    """Return the months that a user may choose, as their first days, newest first: the last 24 with
    entries that they may view, and the present one."""
    with_entries = entries(person).datetimes("at", "month", order="DESC")[:MAX_MONTHS]
    found = {timezone.localtime(each).date() for each in with_entries}
    return sorted(found | {first_day("")}, reverse=True)


def report(person: User, month: datetime.date, brand: Brand | None = None) -> Report:
    """Return the report of the month that begins with the day `month`: the spending that `person`
    may view, in all brands or only in `brand`."""
    rows = in_month(entries(person, brand), month)
    sums = {kind: usd or ZERO for kind, usd in rows.values_list("kind").annotate(Sum("usd"))}
    requested = _generations(person, month, brand)
    made = Output.objects.filter(generation__in=requested, asset__deleted_at=None)
    made = made.exclude(asset=None)
    approved = made.filter(asset__status=Asset.Status.APPROVED)
    return Report(
        month=month,
        charged=sums.get(Kind.CHARGED, ZERO),
        reserved=entries(person, brand).filter(caps.is_reservation()).total(),
        avoided=sums.get(Kind.AVOIDED, ZERO),
        saved=sums.get(Kind.SAVED, ZERO),
        made=made.values("asset").distinct().count(),
        approved=approved.values("asset").distinct().count(),
        lines=_lines(rows.filter(kind=Kind.CHARGED)),
        caps=_caps(person, brand) if month == first_day("") else [],
        refusals=_refusals(requested),
    )


def _visible(person: User, *, by: str) -> Q:
    """Return a filter for the rows that `person` may view: all for staff, else those of the brands
    that they manage, and their own. `by` names the rows' field with the user who made the
    request."""
    if permissions.has_full_access(person):
        return Q()
    own = Q(**{by: person}, brand__in=permissions.brands(person))
    return own | Q(brand__in=permissions.brands(person, *permissions.MANAGERS))


def _generations(person: User, month: datetime.date, brand: Brand | None) -> QuerySet[Generation]:
    """Return the generations that `person` may view and that were requested in the month, of all
    brands or only of `brand`."""
    begin, end = caps.month(month)
    requested = Generation.objects.filter(
        _visible(person, by="created_by"), created_at__gte=begin, created_at__lt=end
    )
    return requested.filter(brand=brand) if brand else requested


def _lines(charges: LedgerQuerySet) -> dict[str, list[ReportLine]]:
    """Return lists of report lines with the heading of each: by brand, user, model and preset."""
    labels = dict(EngineModel.objects.values_list("id", "label"))
    models = _grouped(charges, "generation__model", none="A deleted generation")
    return {
        "Brand": _grouped(charges, "brand__name"),
        "User": _grouped(charges, "person__username", none="A deleted user"),
        "Model": [
            ReportLine(labels.get(each.name, each.name), each.usd, each.answers) for each in models
        ],
        "Preset": _grouped(charges, "generation__preset_version__preset__name", none="No preset"),
    }


def _grouped(charges: LedgerQuerySet, column: str, none: str = "") -> list[ReportLine]:
    """Return one line for each value of a column of the charges, highest sum first; `none` is its
    name if the value is missing."""
    groups = charges.order_by().values_list(column).annotate(usd=Sum("usd"), answers=Count("pk"))
    return [ReportLine(name or none, usd, n) for name, usd, n in groups.order_by("-usd", column)]


def _caps(person: User, brand: Brand | None) -> list[CapUsage]:
    """Return the caps that `person` may view, with their use: for staff all, else those of the
    brands that they manage, and their own. With `brand`, of its brands' caps only that of
    `brand`."""
    visible = Q(person=person) | Q(brand__in=permissions.brands(person, *permissions.MANAGERS))
    limits = SpendingCap.objects.select_related("brand", "person").order_by("brand__name", "person")
    if not permissions.has_full_access(person):
        limits = limits.filter(visible)
    if brand:
        limits = limits.filter(Q(brand=brand) | Q(person=person))
    counted = LedgerEntry.objects.filter(caps.is_committed()).order_by()
    by_brand = dict(counted.values_list("brand").annotate(Sum("usd")))
    by_person = dict(counted.values_list("person").annotate(Sum("usd")))
    return [
        CapUsage(
            str(cap.brand or (cap.person and cap.person.username)),
            cap.monthly_usd,
            (by_brand.get(cap.brand_id) if cap.brand_id else by_person.get(cap.person_id)) or ZERO,
        )
        for cap in limits
    ]


def _refusals(requested: QuerySet[Generation]) -> list[Refusals]:
    """Return how often engines refused these generations, by preset and reason, most frequent
    first."""
    answered = Take.objects.filter(
        generation__in=requested.order_by().values("pk"),
        state__in=[Take.State.ANSWERED, Take.State.REFUSED],
    )
    preset = Coalesce("generation__preset_version__preset__name", Value(""))
    groups = answered.order_by().values_list(preset, "state", "code")
    rows = list(groups.annotate(Min("reason"), Count("pk")))
    answers: Counter[str] = Counter()
    for name, *_, count in rows:
        answers[name] += count
    found = [
        Refusals(name, code, reason, count, answers[name])
        for name, state, code, reason, count in rows
        if state == Take.State.REFUSED
    ]
    return sorted(found, key=lambda each: (-each.count, each.preset, each.code))


# ------------------------------------------------------------------------ CSV

COLUMNS = {
    "time": "at",
    "kind": "kind",
    "usd": "usd",
    "brand": "brand__name",
    "person": "person__username",
    "model": "generation__model",
    "preset": "generation__preset_version__preset__name",
    "generation": "generation_id",
    "answer": "take__number",
    "note": "note",
}


def table(rows: LedgerQuerySet) -> Iterator[list[str]]:
    """Yield the rows of the CSV: the column names, then one row per ledger entry, oldest first; 500
    are in memory at a time."""
    yield list(COLUMNS)
    for row in rows.order_by("id").values_list(*COLUMNS.values()).iterator(chunk_size=500):
        yield [_cell(value) for value in row]


def _cell(value: Any) -> str:
    """Return a value as a cell of the CSV; a text that a spreadsheet would run as a formula gets an
    apostrophe in front."""
    if isinstance(value, datetime.datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else str(value)
