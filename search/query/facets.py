"""How many pictures each filter would show, beside the filters: of what the question matches."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db.models import Count, QuerySet

from assetbank import permissions
from assetbank.models import Asset
from search.query import fulltext, retrieval
from search.query.filters import to_queryset
from search.query.types import SearchQuery

MAX_VALUES = 20
EVERY_STATUS = tuple(Asset.Status.values)
DEPTH = 2_000  # of a question's ranking; what matches behind that is not counted


@dataclass(frozen=True)
class Value:
    value: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Facet:
    """`name` is the parameter of an address that filters by it."""

    name: str
    values: tuple[Value, ...]


SOURCES = {  # parameter -> (attribute of Filters, column)
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
    capped: bool  # more matches than are counted


def count_facets(*, person: permissions.AnyUser, question: SearchQuery) -> Facets:
    """Each facet is counted under all filters but its own (except tags, of which all must hold), so
    that it says what choosing another value would show. Raises as `queries.find`."""
    matching, capped = _matching(person, question)
    found = []
    for name, (attribute, column) in SOURCES.items():
        chosen = getattr(question.filters, attribute)
        filters = question.filters if name == "tags" else question.filters.without(attribute)
        if name == "status":
            filters = replace(filters, statuses=EVERY_STATUS)  # archived ones are counted, too
        counted = (
            to_queryset(filters, matching)
            .exclude(**{column: ""})
            .values_list(column)
            .annotate(many=Count("pk", distinct=True))
            .order_by("-many", column)[:MAX_VALUES]
        )
        values = tuple(Value(value, many, value in chosen) for value, many in counted if value)
        if values:
            found.append(Facet(name, values))
    return Facets(tuple(found), to_queryset(question.filters, matching).count(), capped)


def _matching(person: permissions.AnyUser, question: SearchQuery) -> tuple[QuerySet[Asset], bool]:
    """What the question without those filters matches, and whether there is more of it."""
    assets = permissions.assets(person)
    filters = question.filters
    for attribute, _ in SOURCES.values():
        filters = filters.without(attribute)
    unfiltered = replace(question, filters=replace(filters, statuses=EVERY_STATUS))
    if unfiltered.browsing:
        return fulltext.exclude_terms(unfiltered.terms, assets), False
    ranked = retrieval.rank_query(person=person, question=unfiltered, depth=DEPTH)
    ids = [hit.id for hit in ranked.hits if hit.matches]
    return assets.filter(pk__in=ids), ranked.more_match
