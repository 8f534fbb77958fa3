"""Facets: the number of matching assets for each value of a filter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Count, F, Func, QuerySet, TextField
from django.db.models import Value as Value_

from assetbank import permissions
from assetbank.models import Asset, Brand, CustomField
from search.query import fulltext, retrieval
from search.query.filters import custom_fields, to_queryset
from search.query.types import SearchQuery

MAX_VALUES = 20
MAX_CHOICES = 200  # Values of a custom field: as many as it can offer
ALL_STATUSES = tuple(Asset.Status.values)
DEPTH = 2_000  # Number of ranked hits that are counted; matches beyond it are not


@dataclass(frozen=True)
class Value:
    value: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Facet:
    """One filter with its most frequent values; `name` is its URL parameter."""

    name: str
    values: tuple[Value, ...]


SOURCES = {  # URL parameter -> (attribute of Filters, column)
    "brand": ("brands", "brand__slug"),
    "kind": ("kinds", "kind"),
    "origin": ("origins", "origin"),
    "status": ("statuses", "status"),
    "tags": ("tags", "tags__name"),
    "engine_model": ("engine_models", "engine_model"),
    "preset": ("presets", "preset"),
}
BRAND_COLUMNS = ("brand_id", "brand__fields_changed_at")


@dataclass(frozen=True)
class Facets:
    facets: tuple[Facet, ...]
    total: int
    capped: bool  # True if there are more matches than `total` counts


def count_facets(*, person: permissions.AnyUser, question: SearchQuery) -> Facets:
    """Return the facets of a query. Each is counted under all filters but its own, so that it shows
    the result of choosing another value; tags are counted under all filters, as all must hold.
    Raises InvalidQuery and SearchUnavailable."""
    matching, capped = _matching(person, question)
    found, brands = [], []
    for name, (attribute, column) in SOURCES.items():
        chosen = getattr(question.filters, attribute)
        filters = question.filters if name == "tags" else question.filters.without(attribute)
        if name == "status":
            filters = replace(filters, statuses=ALL_STATUSES)  # Archived assets are counted, too
        more = BRAND_COLUMNS if name == "brand" else ()
        rows = list(
            to_queryset(filters, matching)
            .exclude(**{column: ""})
            .values_list(column, *more)
            .annotate(number=Count("pk", distinct=True))
            .order_by("-number", column)[:MAX_VALUES]
        )
        values = tuple(Value(row[0], row[-1], row[0] in chosen) for row in rows if row[0])
        if values:
            found.append(Facet(name, values))
        if more:  # Read here, so that fields cost no query of their own
            brands = [Brand(slug=r[0], pk=r[1], fields_changed_at=r[2]) for r in rows]
    wanted = question.filters.brands
    shown = [brand for brand in brands if not wanted or brand.slug in wanted]
    found += _custom_facets(question, matching, custom_fields.filterable_fields(shown))
    return Facets(tuple(found), to_queryset(question.filters, matching).count(), capped)


def _custom_facets(
    question: SearchQuery, matching: QuerySet[Asset], fields: list[CustomField]
) -> list[Facet]:
    """Return the facets of those `fields` that have choices, or are yes or no; one query counts
    all of them."""
    fields = [field for field in fields if field.is_counted]
    if not fields:
        return []
    filtered = {each.name: each for each in question.filters.custom if each.values}
    others = sorted({field.name for field in fields} - filtered.keys())
    counted = _count_pairs(to_queryset(question.filters, matching), others)
    for name, own in filtered.items():  # Each under all filters but its own
        rest = tuple(each for each in question.filters.custom if each is not own)
        filters = replace(question.filters, custom=rest)
        counted = counted.union(_count_pairs(to_queryset(filters, matching), [name]), all=True)
    known = {(field.brand_id, field.name): field for field in fields}
    counts: dict[str, Counter[str]] = {field.name: Counter() for field in fields}
    for brand, pair, number in counted:
        name, _, value = pair.partition("=")
        if field := known.get((brand, name)):
            shown = {"true": "yes", "false": "no"}.get(value, value)
            counts[name][value if field.has_choices else shown] += number
    facets = []
    for name, numbers in counts.items():
        chosen = filtered[name].values if name in filtered else ()
        best = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))[:MAX_CHOICES]
        if best:
            values = tuple(Value(value, number, value in chosen) for value, number in best)
            facets.append(Facet(f"{custom_fields.PREFIX}{name}", values))
    return facets


def _count_pairs(assets: QuerySet[Asset], names: list[str]) -> QuerySet[Asset, Any]:
    """Return (id of the brand, "name=value", number of assets) for the values of these fields."""
    pairs = Func(
        F("custom"),
        Value_(names, output_field=ArrayField(TextField())),
        function="assetbank_custom_pairs",
        output_field=TextField(),
    )
    pairs.set_returning = True
    counted = assets.order_by().annotate(pair=pairs).values("brand_id", "pair")
    return counted.annotate(number=Count("pk")).values_list("brand_id", "pair", "number")


def _matching(person: permissions.AnyUser, question: SearchQuery) -> tuple[QuerySet[Asset], bool]:
    """Return the assets that the query matches without the facets' filters, and True if there are
    more matches than DEPTH."""
    assets = permissions.assets(person)
    filters = question.filters
    for attribute, _ in SOURCES.values():
        filters = filters.without(attribute)
    filters = replace(filters, custom=tuple(each for each in filters.custom if not each.values))
    unfiltered = replace(question, filters=replace(filters, statuses=ALL_STATUSES))
    if unfiltered.browsing:
        return fulltext.exclude_terms(unfiltered.terms, assets), False
    ranked = retrieval.rank_for_user(person=person, question=unfiltered, depth=DEPTH)
    ids = [hit.id for hit in ranked.hits if hit.matches]
    return assets.filter(pk__in=ids), ranked.more_match
