"""Facets: the number of matching assets for each value of a filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db.models import Count, QuerySet

from assetbank import permissions
from assetbank.models import Asset
from search.query import fulltext, retrieval
from search.query.filters import to_queryset
from search.query.types import SearchQuery

MAX_VALUES = 20
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
    found = []
    for name, (attribute, column) in SOURCES.items():
        chosen = getattr(question.filters, attribute)
        filters = question.filters if name == "tags" else question.filters.without(attribute)
        if name == "status":
            filters = replace(filters, statuses=ALL_STATUSES)  # Archived assets are counted, too
        counted = (
            to_queryset(filters, matching)
            .exclude(**{column: ""})
            .values_list(column)
            .annotate(number=Count("pk", distinct=True))
            .order_by("-number", column)[:MAX_VALUES]
        )
        values = tuple(Value(value, number, value in chosen) for value, number in counted if value)
        if values:
            found.append(Facet(name, values))
    return Facets(tuple(found), to_queryset(question.filters, matching).count(), capped)


def _matching(person: permissions.AnyUser, question: SearchQuery) -> tuple[QuerySet[Asset], bool]:
    """Return the assets that the query matches without the facets' filters, and True if there are
    more matches than DEPTH."""
    assets = permissions.assets(person)
    filters = question.filters
    for attribute, _ in SOURCES.values():
        filters = filters.without(attribute)
    unfiltered = replace(question, filters=replace(filters, statuses=ALL_STATUSES))
    if unfiltered.browsing:
        return fulltext.exclude_terms(unfiltered.terms, assets), False
    ranked = retrieval.rank_for_user(person=person, question=unfiltered, depth=DEPTH)
    ids = [hit.id for hit in ranked.hits if hit.matches]
    return assets.filter(pk__in=ids), ranked.more_match
