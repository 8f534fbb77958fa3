"""A search query as one value: a text, images, each with a weight, and filters.

Pages, API and saved searches use it. It writes itself as a query string; `search_form` reads it.
"""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import TextChoices
from django.utils import timezone

from assetbank.models import Asset, Brand
from search.query import fulltext

RATIO_TOLERANCE = 0.03  # Relative, so that 4:5 finds 1080 x 1350 and 1000 x 1256
TAGS = ("tags", "tags_any", "tags_none")
# Found only if a query filters by them
HIDDEN_STATUSES = (Asset.Status.ARCHIVED, Asset.Status.QUARANTINED)


@dataclass(frozen=True)
class FieldTerm:
    """A custom field of one brand that a filter compares."""

    brand: int  # Ids
    field: int
    wanted: tuple[str, ...] = ()  # JSON objects, one of which the values of an asset contain


@dataclass(frozen=True)
class FieldFilter:
    """A filter by custom fields of one name: by values, by a range, or by the lack of a value.

    `filters.custom_fields` reads it from URL parameters, and compiles it.
    """

    name: str
    values: tuple[str, ...] = ()  # Any of them
    minimum: str = ""  # A number, or a date as ISO 8601; both inclusive
    maximum: str = ""
    dated: bool = False  # The range is of dates
    missing: bool = False
    terms: tuple[FieldTerm, ...] = ()  # An asset of another brand never matches

    def parameters(self) -> list[tuple[str, str]]:
        """Return the URL parameters, as (name, value) pairs."""
        name = f"field.{self.name}"
        pairs = [(name, value) for value in self.values]
        lower, upper = ("from", "to") if self.dated else ("min", "max")
        pairs += [(f"{name}.{lower}", self.minimum)] if self.minimum else []
        pairs += [(f"{name}.{upper}", self.maximum)] if self.maximum else []
        return pairs + [(f"{name}.missing", "yes")] * self.missing


@dataclass(frozen=True)
class Filters:
    """Filters of a query, all of which must hold; a field with its default does not filter.

    This is the list of all filters, in the order of their URL parameters. To add one, follow the
    checklist "A filter of the search" in CONTRIBUTING.md: it names every place.
    """

    brands: tuple[str, ...] = ()  # Slugs
    collection: int | None = None  # Id
    kinds: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()  # Empty: all but HIDDEN_STATUSES
    tags: tuple[str, ...] = ()  # All of them
    tags_any: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    orientation: str = ""
    aspect_ratio: float | None = None  # Width / height
    min_width: int | None = None
    min_height: int | None = None
    created_after: datetime.date | None = None  # Both inclusive
    created_before: datetime.date | None = None
    colour: str = ""  # Like #1f6feb: close to one of the dominant colours
    usable: bool = False  # True: its usage rights allow use today
    created_by: int | None = None  # Id of a user
    engine_models: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    captured_from: datetime.date | None = None  # Both inclusive, in the calendar of the place
    captured_to: datetime.date | None = None
    captured_years: tuple[str, ...] = ()  # Any of these years
    creators: tuple[str, ...] = ()  # Any of these, whatever their case
    places: tuple[str, ...] = ()  # The city or the country is any of these, whatever their case
    has_alt_text: str = ""  # "yes" or "no"
    terms_to_check: bool = False  # True: somebody must check its terms first
    custom: tuple[FieldFilter, ...] = ()  # By custom fields; all of them

    def given(self) -> dict[str, Any]:
        """Return the fields that filter, with their values."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value != getattr(Filters, name)}

    def parameters(self) -> list[tuple[str, str]]:
        """Return the URL parameters, as (name, value) pairs."""
        pairs: list[tuple[str, str]] = []
        for name, attribute in PARAMETERS.items():
            value = getattr(self, attribute)
            if name == "custom":
                pairs += [pair for each in self.custom for pair in each.parameters()]
                continue
            if name in TAGS:
                value = ",".join(value)
            if isinstance(value, tuple):
                pairs += [(name, each) for each in value]
            elif value is True:
                pairs.append((name, "1"))
            elif value:
                pairs.append((name, str(value)))
        return pairs

    def without(self, attribute: str) -> Filters:
        return replace(self, **{attribute: getattr(Filters, attribute)})


REPEATED = {  # Field of Filters -> URL parameter, which is repeated for each value
    "brands": "brand",
    "kinds": "kind",
    "origins": "origin",
    "statuses": "status",
    "engine_models": "engine_model",
    "presets": "preset",
    "captured_years": "captured_year",
    "creators": "creator",
    "places": "place",
}
# URL parameter -> field of Filters
PARAMETERS = {REPEATED.get(each.name, each.name): each.name for each in fields(Filters)}


class Sort(TextChoices):
    """Orders of assets that are browsed; without one, the newest come first."""

    TAKEN_LAST = "captured_newest", "Taken: newest first"
    TAKEN_FIRST = "captured_oldest", "Taken: oldest first"


@dataclass(frozen=True)
class ImageTerm:
    """An image of a query: either an asset or an uploaded query image."""

    asset: int | None = None  # Id of an asset, or None
    picture: uuid.UUID | None = None  # Id of a query image, or None
    weight: float = 1.0  # Below 0: find images unlike it

    def parameter(self) -> tuple[str, str]:
        """Return the URL parameter of this image, as (name, value)."""
        name, key = ("like", self.asset) if self.picture is None else ("picture", self.picture)
        return name, f"{key}" if self.weight == 1 else f"{key}*{self.weight:g}"


@dataclass(frozen=True)
class SearchQuery:
    """Text, images and filters together. Without a text or image to rank by, it is browsing: newest
    first, or in the order of `sort`."""

    text: str = ""  # A minus excludes a word; quotation marks make a phrase
    text_weight: float = 1.0  # More than 0
    shown: tuple[ImageTerm, ...] = ()
    filters: Filters = field(default_factory=Filters)
    sort: str = ""  # A value of Sort, if browsing; searches are ranked by relevance

    @cached_property
    def terms(self) -> fulltext.ParsedText:
        """Return the included and excluded terms of the text; it is parsed only here, and once."""
        return fulltext.parse(self.text)

    @property
    def browsing(self) -> bool:
        """Return True if there is nothing to rank by, also with excluded words alone."""
        return not (self.shown or self.terms.include)

    @property
    def assets(self) -> frozenset[int]:
        """Return the ids of the assets that the query searches by; results leave them out."""
        return frozenset(shown.asset for shown in self.shown if shown.asset is not None)

    def within(self, brand: Brand) -> SearchQuery:
        """Return the query restricted to one brand."""
        return replace(self, filters=replace(self.filters, brands=(brand.slug,)))

    def to_querystring(self) -> str:
        """Return the query string; `search_form.read_query` reads it back."""
        pairs = [("q", self.text)] if self.text else []
        if self.text_weight != 1:
            pairs.append(("text_weight", f"{self.text_weight:g}"))
        pairs += [shown.parameter() for shown in self.shown]
        if self.sort:
            pairs.append(("sort", self.sort))
        return urlencode([*pairs, *self.filters.parameters()])


def like_asset(asset: Asset, weight: float = 1.0) -> ImageTerm:
    return ImageTerm(asset=asset.pk, weight=weight)


def ratios_near(ratio: float) -> tuple[float, float]:
    """Return the minimum and maximum aspect ratio that a filter by `ratio` accepts."""
    slack = ratio * RATIO_TOLERANCE
    return ratio - slack, ratio + slack


def year_range(year: str) -> tuple[datetime.date, datetime.date]:
    """Return the first and the last day of a year."""
    return datetime.date(int(year), 1, 1), datetime.date(int(year), 12, 31)


def midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))


def midnight_after(day: datetime.date) -> datetime.datetime:
    return midnight(day + datetime.timedelta(days=1))
