"""What a month has cost, and for what: told to managers of their brands, to staff of all, and to
everybody else of their own."""

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
from generation.models import EngineModel, Generation, LedgerEntry, Output, SpendingCap, Take
from generation.models.billing import LedgerQuerySet

Kind = LedgerEntry.Kind
MAX_MONTHS = 24  # to choose from


@dataclass(frozen=True)
class Line:
    """What went to one brand, person, model or preset."""

    name: str
    usd: Decimal
    answers: int


@dataclass(frozen=True)
class Cap:
    name: str
    usd: Decimal  # of the cap
    committed: Decimal

    @property
    def left(self) -> Decimal:
        return max(ZERO, self.usd - self.committed)

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.committed / self.usd)) if self.usd else 100


@dataclass(frozen=True)
class Refusals:
    """How often a preset was refused for a reason; `preset` is "" where there was none."""

    preset: str
    code: str
    reason: str  # the sentence of one of them, with what to change
    count: int
    answers: int  # that came back for the preset in all; those that were lost are not among them


@dataclass(frozen=True)
class Report:
    month: datetime.date  # its first day
    charged: Decimal
    reserved: Decimal  # set aside at this moment, whatever the month
    avoided: Decimal
    saved: Decimal
    made: int  # pictures that arrived in the library, of what was asked for in the month
    approved: int  # of these
    lines: dict[str, list[Line]] = field(default_factory=dict)
    caps: list[Cap] = field(default_factory=list)
    refusals: list[Refusals] = field(default_factory=list)

    @property
    def per_approved(self) -> Decimal | None:
        return self.charged / self.approved if self.approved else None

    @property
    def empty(self) -> bool:
        amounts = (self.charged, self.reserved, self.avoided, self.saved)
        return not (any(amounts) or self.refusals or self.made)


def first_day(text: str) -> datetime.date:
    """Of a month written like 2026-11; of this one for "". Raises InvalidRequest."""
    if not text:
        return timezone.localdate().replace(day=1)
    if match := re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", text):
        return datetime.date(int(match[1]), int(match[2]), 1)
    raise InvalidRequest("Write the month like 2026-11.", code="invalid_month")


def entries(person: User, brand: Brand | None = None) -> LedgerQuerySet:
    """Those that the person is told of."""
    told = LedgerEntry.objects.filter(_told(person, by="person"))
    return told.filter(brand=brand) if brand else told


def in_month(rows: LedgerQuerySet, month: datetime.date) -> LedgerQuerySet:
    begin, end = caps.month(month)
    return rows.filter(at__gte=begin, at__lt=end)


def months(person: User) -> list[datetime.date]:
    """Of which there is something to tell, the newest first; this one is always among them."""
    known = entries(person).datetimes("at", "month", order="DESC")[:MAX_MONTHS]
    found = {timezone.localtime(each).date() for each in known}
    return sorted(found | {first_day("")}, reverse=True)


def report(person: User, month: datetime.date, brand: Brand | None = None) -> Report:
    rows = in_month(entries(person, brand), month)
    sums = {kind: usd or ZERO for kind, usd in rows.values_list("kind").annotate(Sum("usd"))}
    asked = _asked(person, month, brand)
    made = Output.objects.filter(generation__in=asked).exclude(asset=None)
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
        refusals=_refusals(asked),
    )


def _told(person: User, *, by: str) -> Q:
    """On rows that have a brand, and in the field `by` whoever asked."""
    if permissions.has_full_access(person):
        return Q()
    own = Q(**{by: person}, brand__in=permissions.brands(person))
    return own | Q(brand__in=permissions.brands(person, *permissions.MANAGERS))


def _asked(person: User, month: datetime.date, brand: Brand | None) -> QuerySet[Generation]:
    begin, end = caps.month(month)
    asked = Generation.objects.filter(
        _told(person, by="created_by"), created_at__gte=begin, created_at__lt=end
    )
    return asked.filter(brand=brand) if brand else asked


def _lines(charges: LedgerQuerySet) -> dict[str, list[Line]]:
    labels = dict(EngineModel.objects.values_list("id", "label"))
    models = _by(charges, "generation__model", none="A deleted generation")
    return {
        "Brand": _by(charges, "brand__name"),
        "User": _by(charges, "person__username", none="A deleted user"),
        "Model": [
            Line(labels.get(each.name, each.name), each.usd, each.answers) for each in models
        ],
        "Preset": _by(charges, "generation__preset_version__preset__name", none="No preset"),
    }


def _by(charges: LedgerQuerySet, column: str, none: str = "") -> list[Line]:
    groups = charges.order_by().values_list(column).annotate(usd=Sum("usd"), answers=Count("pk"))
    return [Line(name or none, usd, n) for name, usd, n in groups.order_by("-usd", column)]


def _caps(person: User, brand: Brand | None) -> list[Cap]:
    """The caps of the brands that the person manages, and their own; staff see all."""
    told = Q(person=person) | Q(brand__in=permissions.brands(person, *permissions.MANAGERS))
    limits = SpendingCap.objects.select_related("brand", "person").order_by("brand__name", "person")
    if not permissions.has_full_access(person):
        limits = limits.filter(told)
    if brand:
        limits = limits.filter(Q(brand=brand) | Q(person=person))
    counted = LedgerEntry.objects.filter(caps.is_committed()).order_by()
    by_brand = dict(counted.values_list("brand").annotate(Sum("usd")))
    by_person = dict(counted.values_list("person").annotate(Sum("usd")))
    return [
        Cap(
            str(cap.brand or (cap.person and cap.person.username)),
            cap.monthly_usd,
            (by_brand.get(cap.brand_id) if cap.brand_id else by_person.get(cap.person_id)) or ZERO,
        )
        for cap in limits
    ]


def _refusals(asked: QuerySet[Generation]) -> list[Refusals]:
    """By preset and reason, the most frequent first."""
    heard = Take.objects.filter(
        generation__in=asked.order_by().values("pk"),
        state__in=[Take.State.ANSWERED, Take.State.REFUSED],
    )
    preset = Coalesce("generation__preset_version__preset__name", Value(""))
    groups = heard.order_by().values_list(preset, "state", "code")
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


# ------------------------------------------------------------------------ as a file

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
    """A heading, then the entries as they were made; a few hundred in memory at a time."""
    yield list(COLUMNS)
    for row in rows.order_by("id").values_list(*COLUMNS.values()).iterator(chunk_size=500):
        yield [_cell(value) for value in row]


def _cell(value: Any) -> str:
    """Spreadsheets run text that begins like a formula: such text is quoted."""
    if isinstance(value, datetime.datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else str(value)
