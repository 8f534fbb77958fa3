"""What somebody asks: words, pictures, each with a weight, and filters. One value for the pages,
the API, and whatever is kept: it reads from an address (`search.forms`) and writes one."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from assetbank.models import Asset, Brand
from search.query import fulltext

RATIO_TOLERANCE = 0.03  # of the asked aspect ratio, so that 4:5 finds 1080 x 1350 and 1000 x 1256
TAGS = ("tags", "tags_any", "tags_none")
# Shown only when somebody asks for them
HIDDEN_STATUSES = (Asset.Status.ARCHIVED, Asset.Status.QUARANTINED)


@dataclass(frozen=True)
class Filters:
    """All of these must hold; one with its default does not filter.

    This is the list of all filters, in the order in which they stand in addresses. A new one is a
    field here, a field of `search_form.SearchForm`, and an entry in the COMPILERS of
    `filters/milvus.py` and of `filters/sql.py`; the pages offer it once it has a control in
    `search/_filters.html`. A column that Milvus lacks is added in `vectorstore/schema.py` and
    `indexing/entities.py`.
    """

    brands: tuple[str, ...] = ()  # slugs
    collection: int | None = None  # id
    kinds: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()  # empty: all but PUT_ASIDE
    tags: tuple[str, ...] = ()  # all of them
    tags_any: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    orientation: str = ""
    aspect_ratio: float | None = None  # width / height
    min_width: int | None = None
    min_height: int | None = None
    created_after: datetime.date | None = None  # both inclusive
    created_before: datetime.date | None = None
    colour: str = ""  # like #1f6feb: near one of the dominant colours
    usable: bool = False  # its rights allow it today
    created_by: int | None = None  # id of a person
    engine_models: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()

    def given(self) -> dict[str, Any]:
        """Return the fields that filter, with their values."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value != getattr(Filters, name)}

    def parameters(self) -> list[tuple[str, str]]:
        """As they stand in an address."""
        given: list[tuple[str, str]] = []
        for name, attribute in PARAMETERS.items():
            value = getattr(self, attribute)
            if name in TAGS:
                value = ",".join(value)
            if isinstance(value, tuple):
                given += [(name, each) for each in value]
            elif value is True:
                given.append((name, "1"))
            elif value:
                given.append((name, str(value)))
        return given

    def without(self, attribute: str) -> Filters:
        return replace(self, **{attribute: getattr(Filters, attribute)})


REPEATED = {  # field of Filters -> parameter of an address, which has one value each time
    "brands": "brand",
    "kinds": "kind",
    "origins": "origin",
    "statuses": "status",
    "engine_models": "engine_model",
    "presets": "preset",
}
# Parameter of an address -> field of Filters
PARAMETERS = {REPEATED.get(each.name, each.name): each.name for each in fields(Filters)}


@dataclass(frozen=True)
class ImageTerm:
    """A picture that is asked with: an asset's, or one that somebody showed."""

    asset: int | None = None  # id; either this
    picture: uuid.UUID | None = None  # or the id of a QueryImage
    weight: float = 1.0  # below zero: stay away from it

    def parameter(self) -> tuple[str, str]:
        name, key = ("like", self.asset) if self.picture is None else ("picture", self.picture)
        return name, f"{key}" if self.weight == 1 else f"{key}*{self.weight:g}"


@dataclass(frozen=True)
class SearchQuery:
    """Text and pictures together; with nothing to look for it is browsing, newest first."""

    text: str = ""  # words after a minus are not wanted; quotation marks hold words together
    text_weight: float = 1.0  # more than 0
    shown: tuple[ImageTerm, ...] = ()
    filters: Filters = field(default_factory=Filters)

    @cached_property
    def terms(self) -> fulltext.ParsedText:
        """Return the text as it is searched with. Parsed here alone, and once."""
        return fulltext.parse(self.text)

    @property
    def browsing(self) -> bool:
        """Also with words after a minus alone: they say what not to see, and rank nothing."""
        return not (self.shown or self.terms.include)

    @property
    def assets(self) -> frozenset[int]:
        """Ids of those that are asked with: nobody looks for what they hold up."""
        return frozenset(shown.asset for shown in self.shown if shown.asset is not None)

    def within(self, brand: Brand) -> SearchQuery:
        return replace(self, filters=replace(self.filters, brands=(brand.slug,)))

    def to_querystring(self) -> str:
        """As the parameters of an address: `QuestionForm` reads it back."""
        given = [("q", self.text)] if self.text else []
        if self.text_weight != 1:
            given.append(("text_weight", f"{self.text_weight:g}"))
        given += [shown.parameter() for shown in self.shown]
        return urlencode([*given, *self.filters.parameters()])


def like_asset(asset: Asset, weight: float = 1.0) -> ImageTerm:
    return ImageTerm(asset=asset.pk, weight=weight)


def ratios_near(ratio: float) -> tuple[float, float]:
    """Return the least and the largest aspect ratio that passes for this one."""
    slack = ratio * RATIO_TOLERANCE
    return ratio - slack, ratio + slack


def midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))


def midnight_after(day: datetime.date) -> datetime.datetime:
    return midnight(day + datetime.timedelta(days=1))
