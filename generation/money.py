"""What pictures cost: estimated before, reserved while they are drawn, charged when they come.

All in US dollars. The ledger is only ever added to. A reservation is taken back bit by bit as
answers are charged, and the rest of it when its generation ends, so that the sum of a finished
generation's entries is what it was charged.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from assetbank.models import Brand
from generation import engines
from generation.errors import InvalidRequest
from generation.models import EngineModel, Generation, LedgerEntry, SpendingCap

Kind = LedgerEntry.Kind

NOTHING = Decimal(0)
SMALLEST = Decimal("0.000001")
MILLION = Decimal(1_000_000)
CHARACTERS_PER_TOKEN = 4  # Google's rule of thumb for English
REFERENCE_TOKENS = 1120  # what Gemini 3 gives to a picture that it is shown, at most by default
THINKING_TOKENS = 200  # text out beside a picture; 174 in a recorded answer of Gemini 3 Pro
# Keys of PostgreSQL's advisory locks; taken in this order
BRAND_LOCK, PERSON_LOCK = 7_301, 7_302


# ------------------------------------------------------------------------ prices


def estimate(
    model: EngineModel,
    *,
    size: str = "",
    count: int = 1,
    references: int = 0,
    prompt: str = "",
    in_bulk: bool = False,
) -> Decimal:
    """What so many pictures will cost, a little on the high side; 0 where prices are not known."""
    input_tokens = len(prompt) // CHARACTERS_PER_TOKEN + REFERENCE_TOKENS * references
    each = (
        _cost(input_tokens, model.usd_input)
        + _cost(_picture_tokens(model, size), model.usd_image)
        + _cost(THINKING_TOKENS, model.usd_text)
    )
    return _rounded(each * count * _share(model, in_bulk))


def price(
    usage: Mapping[str, Any],
    model: EngineModel,
    *,
    pictures: int = 0,
    size: str = "",
    in_bulk: bool = False,
) -> Decimal:
    """What an answer costs, from its `usageMetadata`.

    Whatever of `totalTokenCount` is neither input nor picture is text, thoughts included: the other
    counts overlap, and differ between answers with a picture and without. `pictures` of `size` is
    what came, for answers in which their tokens are not counted apart.
    """
    given = _number(usage, "promptTokenCount") + _number(usage, "toolUsePromptTokenCount")
    out = _number(usage, "candidatesTokenCount") + _number(usage, "thoughtsTokenCount")
    total = _number(usage, "totalTokenCount") or given + out
    drawn = _image_tokens(usage)
    if drawn is None:
        drawn = pictures * _picture_tokens(model, size)
    usd = (
        _cost(given, model.usd_input)
        + _cost(drawn, model.usd_image)
        + _cost(max(0, total - given - drawn), model.usd_text)
    )
    return _rounded(usd * _share(model, in_bulk))


def picture_prices(model: EngineModel) -> dict[str, Decimal]:
    """Of a picture alone by size, without what is sent and thought; {} where it is not known."""
    if model.usd_image is None:
        return {}
    sizes = model.image_sizes or [""]
    return {
        size: _cost(_picture_tokens(model, size), model.usd_image).normalize() for size in sizes
    }


def _picture_tokens(model: EngineModel, size: str) -> int:
    """Of a size that is not in the table: the most that any other has."""
    counts = model.image_tokens
    size = size or (model.image_sizes[0] if model.image_sizes else "")
    return counts.get(size, max(counts.values(), default=0))


def _image_tokens(usage: Mapping[str, Any]) -> int | None:
    """None where the answer does not count its pictures apart."""
    details = usage.get("candidatesTokensDetails") or []
    pictures = [each for each in details if each.get("modality") == "IMAGE"]
    return sum(_number(each, "tokenCount") for each in pictures) if pictures else None


def _number(counts: Mapping[str, Any], name: str) -> int:
    value = counts.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _cost(tokens: int, usd_per_million: Decimal | None) -> Decimal:
    return tokens * (usd_per_million or NOTHING) / MILLION


def _share(model: EngineModel, in_bulk: bool) -> Decimal:
    return model.batch_share if in_bulk else Decimal(1)


def _rounded(usd: Decimal) -> Decimal:
    return usd.quantize(SMALLEST, ROUND_HALF_UP)


# ------------------------------------------------------------------------ one generation


def estimate_of(generation: Generation, *, pictures: int, in_bulk: bool = False) -> Decimal:
    """Of so many pictures of a generation that is saved with its references."""
    model = engines.row(generation.model)
    if model is None:
        return NOTHING
    shown = generation.reference_rows.count()
    shown += bool(generation.refines_id) + bool(generation.draft_id)
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
    _require_room(generation.brand, generation.created_by, usd)
    _enter(generation, Kind.RESERVED, usd, note=f"{pictures} to make")
    return usd


def charge(
    generation: Generation,
    take: int,
    usage: Mapping[str, Any],
    *,
    pictures: int = 0,
    in_bulk: bool = False,
) -> Decimal:
    """Enter what the answer `take` cost, in the transaction in which it is recorded, and before
    it is: its share of the reservation is that of one among the answers that are still missing."""
    model = engines.row(generation.model)
    if model is None:
        return NOTHING
    usd = price(usage, model, pictures=pictures, size=generation.image_size, in_bulk=in_bulk)
    _charge(generation, take, usd)
    return usd


def charge_unknown(generation: Generation, take: int, *, in_bulk: bool = False) -> Decimal:
    """The same for an answer that did not arrive, and may have been billed all the same."""
    usd = estimate_of(generation, pictures=1, in_bulk=in_bulk)
    _charge(generation, take, usd, note="No answer arrived; it may have been billed.")
    return usd


def _charge(generation: Generation, take: int, usd: Decimal, note: str = "") -> None:
    if usd:
        _enter(generation, Kind.CHARGED, usd, take=take, note=note)
    missing = set(generation.missing) | {take}
    _enter(generation, Kind.RELEASED, -_rounded(reserved(generation) / len(missing)), take=take)


def release(generation: Generation) -> None:
    """Take back what is left of the reservation, in the transaction in which it ends."""
    _enter(generation, Kind.RELEASED, -reserved(generation))


def reserved(generation: Generation) -> Decimal:
    """What is still set aside for it."""
    return _sum(generation.ledger.filter(kind__in=[Kind.RESERVED, Kind.RELEASED]))


def charged(generation: Generation) -> Decimal:
    return _sum(generation.ledger.filter(kind=Kind.CHARGED))


def note_avoided(*, brand: Brand, person: User, usd: Decimal, note: str = "") -> None:
    """A picture that was there already was taken instead of a new one."""
    LedgerEntry.objects.create(brand=brand, person=person, kind=Kind.AVOIDED, usd=usd, note=note)


def note_saved(generation: Generation, usd: Decimal, note: str = "") -> None:
    """Drafts first, or in bulk: what it would have cost otherwise is not spent."""
    _enter(generation, Kind.SAVED, usd, note=note)


def _enter(
    generation: Generation, kind: str, usd: Decimal, *, take: int | None = None, note: str = ""
) -> None:
    if not usd:
        return
    LedgerEntry.objects.create(
        brand_id=generation.brand_id,
        person_id=generation.created_by_id,
        generation=generation,
        kind=kind,
        usd=_rounded(usd),
        take=take,
        note=note,
    )


def _sum(entries: QuerySet[LedgerEntry]) -> Decimal:
    total: Decimal | None = entries.aggregate(total=Sum("usd"))["total"]
    return total or NOTHING


# ------------------------------------------------------------------------ caps


def month(day: datetime.date | None = None) -> tuple[datetime.datetime, datetime.datetime]:
    """When the calendar month of that day begins and ends, in the site's time zone."""
    first = (day or timezone.localdate()).replace(day=1)
    following = (first + datetime.timedelta(days=32)).replace(day=1)
    return _midnight(first), _midnight(following)


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time()))


def committed(entries: QuerySet[LedgerEntry]) -> Decimal:
    """Of these entries: what was charged this month, and what is set aside and not finished.

    That counts in whichever month it is now: that is when it would be charged.
    """
    begin, end = month()
    now = Q(kind=Kind.CHARGED, at__gte=begin, at__lt=end)
    unfinished = Q(
        kind__in=[Kind.RESERVED, Kind.RELEASED], generation__state__in=Generation.UNFINISHED
    )
    return _sum(entries.filter(now | unfinished))


def left(cap: SpendingCap) -> Decimal:
    """What the cap still allows this month; never below nothing."""
    theirs = Q(brand=cap.brand) if cap.brand_id else Q(person=cap.person)
    entries = LedgerEntry.objects.filter(theirs)
    return max(NOTHING, cap.monthly_usd - committed(entries))


def caps_of(brand: Brand, person: User | None) -> list[SpendingCap]:
    """Those that a request of that person for that brand stays within; the brand's first."""
    theirs = Q(brand=brand) | (Q(person=person) if person else Q(pk=None))
    caps = SpendingCap.objects.filter(theirs).select_related("brand", "person")
    return sorted(caps, key=lambda cap: cap.brand_id is None)


def _require_room(brand: Brand, person: User | None, usd: Decimal) -> None:
    for cap in caps_of(brand, person):
        _lock(cap)
        rest = left(cap)
        if usd > rest:
            raise InvalidRequest(_over(cap, usd, rest), code="spending_cap")


def _lock(cap: SpendingCap) -> None:
    """Held until the transaction ends, so that two requests cannot both take the last dollar."""
    key = (BRAND_LOCK, cap.brand_id) if cap.brand_id else (PERSON_LOCK, cap.person_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", key)


def _over(cap: SpendingCap, usd: Decimal, rest: Decimal) -> str:
    whose = f"{cap.brand} has" if cap.brand_id else "you have"
    return (
        f"This would cost about {shown(usd)}, and {whose} {shown(rest)} left of the "
        f"{shown(cap.monthly_usd)} for this month. Ask for less, or ask the staff of this site to "
        "raise the limit."
    )


def shown(usd: Decimal) -> str:
    """As people read it: cents, and more digits where there are only fractions of one."""
    if usd == 0 or abs(usd) >= Decimal("0.01"):
        return f"${usd:,.2f}"
    return f"${usd:.4f}" if abs(usd) >= Decimal("0.0001") else "less than $0.0001"
