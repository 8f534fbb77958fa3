"""Compiler of `Filters` to conditions of a query set."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from django.db.models import (
    DateField,
    DurationField,
    Exists,
    F,
    FloatField,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
)
from django.db.models.functions import Cast, Coalesce, Lower
from django.db.models.lookups import In
from taggit.models import TaggedItem

from assetbank.media import colours
from assetbank.models import Asset
from assetbank.rights import terms
from search.query.filters import custom_fields
from search.query.types import (
    HIDDEN_STATUSES,
    Filters,
    midnight,
    midnight_after,
    ratios_near,
    year_range,
)

SQUARE_TOLERANCE = 0.05  # Equal to the one of Asset.orientation
RATIO = Cast(F("width"), FloatField()) / Cast(F("height"), FloatField())
# Day of capture in the calendar of the place
CAPTURED_DAY = Func(
    F("captured_at"),
    Func(
        Coalesce(F("captured_offset"), 0, output_field=IntegerField()),
        template="make_interval(mins => %(expressions)s)",
        output_field=DurationField(),
    ),
    template="(%(expressions)s)::date",
    arg_joiner=" AT TIME ZONE 'UTC' + ",
    output_field=DateField(),
)
ONE_DAY = datetime.timedelta(days=1)  # No offset from UTC is larger


def to_queryset(filters: Filters, queryset: QuerySet[Asset]) -> QuerySet[Asset]:
    """Return those assets of `queryset` that match all filters."""
    conditions = [] if filters.statuses else [~Q(status__in=HIDDEN_STATUSES)]
    conditions += [COMPILERS[name](value) for name, value in filters.given().items()]
    return queryset.alias(ratio=RATIO, captured_day=CAPTURED_DAY).filter(*conditions)


def _is(lookup: str) -> Callable[[Any], Q]:
    return lambda value: Q((lookup, value))


def _tagged(name: str) -> Q:
    items = TaggedItem.objects.filter(
        content_type__app_label="assetbank",
        content_type__model="asset",
        object_id=OuterRef("pk"),
        tag__name__iexact=name,
    )
    return Q(Exists(items))


def _oriented(orientation: str) -> Q:
    square = Q(ratio__range=(1 - SQUARE_TOLERANCE, 1 + SQUARE_TOLERANCE))
    return {
        Asset.Orientation.SQUARE: square,
        Asset.Orientation.LANDSCAPE: Q(ratio__gt=1) & ~square,
        Asset.Orientation.PORTRAIT: Q(ratio__lt=1) & ~square,
    }[Asset.Orientation(orientation)]


def _captured(first: datetime.date | None, last: datetime.date | None) -> Q:
    """Return the condition for days of capture, both inclusive, with bounds that an index finds."""
    found = Q(captured_at__isnull=False)
    if first:
        found &= Q(captured_day__gte=first, captured_at__gte=_utc(first) - ONE_DAY)
    if last:
        found &= Q(captured_day__lte=last, captured_at__lt=_utc(last) + 2 * ONE_DAY)
    return found


def _utc(day: datetime.date) -> datetime.datetime:
    day = max(day, datetime.date(2, 1, 1))  # so that the day before it is a date, too
    return datetime.datetime.combine(day, datetime.time.min, datetime.UTC)


def _any_year(years: tuple[str, ...]) -> Q:
    return Q(*(_captured(*year_range(year)) for year in years), _connector=Q.OR)


def _one_of(column: str, texts: tuple[str, ...]) -> Q:
    """Return the condition that a column is one of these texts, whatever their case."""
    return Q(In(Lower(column), [text.lower() for text in texts]))


# Field of Filters -> function that compiles a value other than its default
COMPILERS: dict[str, Callable[[Any], Q]] = {
    "brands": _is("brand__slug__in"),
    "collection": _is("collections"),
    "kinds": _is("kind__in"),
    "origins": _is("origin__in"),
    "statuses": _is("status__in"),
    "tags": lambda tags: Q(*map(_tagged, tags)),
    "tags_any": lambda tags: Q(*map(_tagged, tags), _connector=Q.OR),
    # One condition per tag: PostgreSQL makes no anti-join of "none of them"
    "tags_none": lambda tags: Q(*(~_tagged(tag) for tag in tags)),
    "orientation": _oriented,
    "aspect_ratio": lambda ratio: Q(ratio__range=ratios_near(ratio)),
    "min_width": _is("width__gte"),
    "min_height": _is("height__gte"),
    "created_after": lambda day: Q(created_at__gte=midnight(day)),
    "created_before": lambda day: Q(created_at__lt=midnight_after(day)),
    "colour": lambda colour: Q(colour_cells__overlap=colours.cells_near(colour)),
    "usable": lambda _: terms.usage_conditions(),
    "created_by": _is("created_by"),
    "engine_models": _is("engine_model__in"),
    "presets": _is("preset__in"),
    "captured_from": lambda day: _captured(day, None),
    "captured_to": lambda day: _captured(None, day),
    "captured_years": _any_year,
    "creators": lambda names: _one_of("creator", names),
    "places": lambda places: _one_of("city", places) | _one_of("country", places),
    "has_alt_text": lambda has: ~Q(alt_text="") if has == "yes" else Q(alt_text=""),
    "terms_to_check": lambda _: ~Q(terms_to_check=""),
    "custom": custom_fields.condition,
}
