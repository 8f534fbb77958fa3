"""Facets: the number of matching assets for each value of a filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, F, FilteredRelation, Func, Q, QuerySet, TextField
from django.db.models import Value as Literal
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Concat, ExtractYear

from assetbank import permissions
from assetbank.models import Asset, CustomField
from search.query import fulltext, retrieval
from search.query.filters import CAPTURED_DAY, custom_fields, to_queryset
from search.query.types import SearchQuery

MAX_VALUES = 20
MAX_CUSTOM_VALUES = 10_000  # Of all custom fields with choices
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


SOURCES: dict[str, tuple[str, Combinable]] = {  # URL parameter -> attribute of Filters, value
    "brand": ("brands", F("brand__slug")),
    "kind": ("kinds", F("kind")),
    "origin": ("origins", F("origin")),
    "status": ("statuses", F("status")),
    "tags": ("tags", F("tags__name")),
    "engine_model": ("engine_models", F("engine_model")),
    "preset": ("presets", F("preset")),
    "captured_year": ("captured_years", ExtractYear(CAPTURED_DAY)),
    "creator": ("creators", F("creator")),
}


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
    first, *others = [
        *(_counts(name, question, matching) for name in SOURCES),
        *_custom_counts(question, matching),
    ]
    chosen = {name: getattr(question.filters, SOURCES[name][0]) for name in SOURCES}
    chosen |= {
        f"{custom_fields.PREFIX}{each.name}": each.values for each in question.filters.custom
    }
    found: dict[str, list[Value]] = {name: [] for name in SOURCES}
    for name, value, number in first.union(*others, all=True):  # one query for all facets
        known = Value(value, number, value in chosen.get(name, ()))
        found.setdefault(name, []).append(known)
    for values in found.values():
        values.sort(key=lambda each: (-each.count, each.value))
    found["captured_year"].sort(key=lambda each: each.value, reverse=True)
    counted = tuple(Facet(name, tuple(values)) for name, values in found.items() if values)
    return Facets(counted, to_queryset(question.filters, matching).count(), capped)


def _counts(name: str, question: SearchQuery, matching: QuerySet[Asset]) -> QuerySet[Asset, Any]:
    """Return the most frequent values of a facet, as (name, value, number)."""
    attribute, expression = SOURCES[name]
    filters = question.filters if name == "tags" else question.filters.without(attribute)
    if name == "status":
        filters = replace(filters, statuses=ALL_STATUSES)  # Archived assets are counted, too
    counted = to_queryset(filters, matching).annotate(
        facet=Literal(name, TextField()), value=Cast(expression, TextField())
    )
    return (
        counted.filter(value__gt="")
        .values_list("facet", "value")
        .annotate(number=Count("pk", distinct=True))
        .order_by("-number", "value")[:MAX_VALUES]
    )


def _custom_counts(
    question: SearchQuery, matching: QuerySet[Asset]
) -> Iterator[QuerySet[Asset, Any]]:
    """Yield the values of filterable custom fields that have choices or are yes or no, in the form
    of `_counts`: those that are not filtered by, and each other one without its own filter."""
    filters = question.filters
    own = {each.name: each for each in filters.custom if each.values}
    yield _count_values(to_queryset(filters, matching), ~Q(name__in=list(own)))
    for name, filtered in own.items():
        rest = tuple(each for each in filters.custom if each is not filtered)
        yield _count_values(to_queryset(replace(filters, custom=rest), matching), Q(name=name))


def _count_values(assets: QuerySet[Asset], which: Q) -> QuerySet[Asset, Any]:
    fields = CustomField.objects.filter(which, filterable=True, kind__in=CustomField.COUNTED)
    value = Func(
        F("custom"), F("field__name"), function="assetbank_custom_values", output_field=TextField()
    )
    value.set_returning = True
    return (
        assets.order_by()
        .alias(field=FilteredRelation("brand__custom_fields"))
        .filter(field__in=fields)
        .annotate(facet=Concat(Literal(custom_fields.PREFIX), F("field__name")), value=value)
        .values_list("facet", "value")
        .annotate(number=Count("pk"))
        .order_by("-number", "value")[:MAX_CUSTOM_VALUES]
    )


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
