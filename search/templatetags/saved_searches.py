"""Template tags for saved searches and golden queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.http import QueryDict
from django.urls import reverse

from assetbank import permissions
from assetbank.models import Brand
from search.models import GoldenQuestion, SavedSearch
from search.query import PARAMETERS, Filters, SearchQuery
from search.saved import searches, stored_query

register = template.Library()


@dataclass(frozen=True)
class Bar:
    """Actions of the library page for the current query: saved already, to save, to pin."""

    address: str  # the query string
    saved: list[tuple[SavedSearch, bool]]  # saved with the same query; True: the user may change it
    brands: list[Brand]  # brands for which the user may save the query
    pins: bool  # True if the user manages a brand that could pin it


@register.simple_tag(takes_context=True)
def saved_bar(context: dict[str, Any]) -> Bar | None:
    """Return the actions for the query of the library page; None without a query.

    None also for a query that only opens a collection.
    """
    question: SearchQuery | None = context.get("question")
    if question is None or context["form"].errors or not (key := stored_query.query_key(question)):
        return None
    if question == SearchQuery(filters=Filters(collection=question.filters.collection)):
        return None
    person, creates = context["request"].user, context["brands_to_fill"]
    slugs = question.filters.brands
    manages = set(permissions.brands(person, *permissions.MANAGERS))
    saved = searches.saved_searches(person).filter(question=key)
    if slugs:
        saved = saved.filter(brand__slug__in=slugs)
    return Bar(
        address=question.to_querystring(),
        saved=[
            (
                each,
                each.brand in manages
                or (each.created_by_id == person.pk and each.brand in creates),
            )
            for each in saved
        ],
        brands=[brand for brand in creates if not slugs or brand.slug in slugs],
        pins=not question.browsing and any(not slugs or brand.slug in slugs for brand in manages),
    )


@register.filter
def library_url(stored: SavedSearch | GoldenQuestion) -> str:
    """Return the address of the library page that runs this stored query."""
    return f"{reverse('library')}?{stored_query.querystring_of(stored)}"


@register.filter
def prompt_from_query(text: str) -> str:
    """Return a query's text as a prompt, without excluded terms: an image model would draw
    those."""
    return SearchQuery(text=text).terms.description


@register.filter
def query_summary(address: str) -> str:
    """Return a summary of the query string in a few words, without a database query."""
    query = QueryDict(address)
    parts = [query["q"]] if query.get("q") else []
    if pictures := len(query.getlist("like")) + len(query.getlist("picture")):
        parts.append("an image" if pictures == 1 else f"{pictures} images")
    filters = [
        f"{name.removeprefix('field.').replace('_', ' ')} {', '.join(query.getlist(name))}"
        for name in (*PARAMETERS, *(each for each in query if each.startswith("field.")))
        if any(query.getlist(name))
    ]
    return " · ".join([" + ".join(parts), *filters] if parts else filters)
