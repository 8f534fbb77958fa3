"""Compiler of `Filters` to a Milvus expression."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.utils import timezone

from assetbank import permissions
from assetbank.media import colours
from assetbank.models import Asset
from search.query.filters import custom_fields
from search.query.types import (
    HIDDEN_STATUSES,
    FieldFilter,
    Filters,
    midnight,
    midnight_after,
    ratios_near,
    year_range,
)
from search.vectorstore import expressions as e
from search.vectorstore import schema


def to_milvus(filters: Filters, scope: permissions.AssetScope) -> str:
    """Return the Milvus expression that an asset must match to pass all filters.

    `scope` holds the assets that the user may see, of the chosen brands: it stands for the filter
    by brand, too.
    """
    terms = [_within(scope)]
    if not filters.statuses:
        terms.append(e.none_of("status", [status.value for status in HIDDEN_STATUSES]))
    terms += [COMPILERS[name](value) for name, value in filters.given().items()]
    return e.all_of(terms)


def _within(scope: permissions.AssetScope) -> str:
    if scope.all_in is None:
        return ""
    whole = e.one_of("brand_id", sorted(scope.all_in))
    if not scope.approved_in:
        return whole
    approved = e.equals("status", Asset.Status.APPROVED.value)
    some = e.all_of([e.one_of("brand_id", sorted(scope.approved_in)), approved])
    return e.any_of([whole, some]) if scope.all_in else some


def _in_collection(pk: int) -> str:
    """Return the expression that lists the ids of the collection's assets.

    Milvus does not store collections.
    """
    assets = Asset.objects.filter(collections=pk)
    return e.one_of("id", assets.values_list("pk", flat=True))


def _with_values(filters: tuple[FieldFilter, ...]) -> str:
    """Return the expression that lists the ids of matching assets: Milvus stores no custom fields.

    `ranking` avoids it where they are many.
    """
    assets = Asset.objects.filter(custom_fields.condition(filters))
    return e.one_of("id", assets.values_list("pk", flat=True))


def _lower(texts: Iterable[str]) -> list[str]:
    return [text.lower() for text in texts]


def _near_ratio(ratio: float) -> str:
    minimum, maximum = ratios_near(ratio)
    return e.all_of([e.at_least("aspect_ratio", minimum), e.at_most("aspect_ratio", maximum)])


def _captured(first: datetime.date | None, last: datetime.date | None) -> str:
    """Return the expression for days of capture, both inclusive; an undated asset has none."""
    start = (first - schema.EPOCH).days if first else schema.UNDATED + 1
    end = e.at_most("captured", (last - schema.EPOCH).days) if last else ""
    return e.all_of([e.at_least("captured", start), end])


def _in_place(places: Iterable[str]) -> str:
    return e.any_of(e.one_of(column, _lower(places)) for column in ("city", "country"))


def _seconds(moment: datetime.datetime) -> int:
    return int(moment.timestamp())


# Field of Filters -> function that compiles a value other than its default
COMPILERS: dict[str, Callable[[Any], str]] = {
    "brands": lambda slugs: "",  # Covered by `scope`, which has the ids that Milvus stores
    "collection": _in_collection,
    "kinds": partial(e.one_of, "kind"),
    "origins": partial(e.one_of, "origin"),
    "statuses": partial(e.one_of, "status"),
    "tags": lambda tags: e.all_of(e.contains("tags", tag) for tag in _lower(tags)),
    "tags_any": lambda tags: e.contains_any("tags", _lower(tags)),
    "tags_none": lambda tags: e.contains_none("tags", _lower(tags)),
    "orientation": partial(e.equals, "orientation"),
    "aspect_ratio": _near_ratio,
    "min_width": partial(e.at_least, "width"),
    "min_height": partial(e.at_least, "height"),
    "created_after": lambda day: e.at_least("created", _seconds(midnight(day))),
    "created_before": lambda day: e.at_most("created", _seconds(midnight_after(day)) - 1),
    "colour": lambda colour: e.contains_any("colours", colours.cells_near(colour)),
    # From midnight: rights expire at the end of a day, so the result is the same all day
    "usable": lambda _: e.at_least("expires", _seconds(midnight(timezone.localdate()))),
    "created_by": partial(e.equals, "created_by"),
    "engine_models": partial(e.one_of, "engine_model"),
    "presets": partial(e.one_of, "preset"),
    "captured_from": lambda day: _captured(day, None),
    "captured_to": lambda day: _captured(None, day),
    "captured_years": lambda years: e.any_of(_captured(*year_range(year)) for year in years),
    "creators": lambda names: e.one_of("creator", _lower(names)),
    "places": _in_place,
    "has_alt_text": lambda has: e.equals("has_alt_text", int(has == "yes")),
    "terms_to_check": lambda _: e.equals("terms_to_check", 1),
    "custom": _with_values,
}
