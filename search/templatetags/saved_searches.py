"""What the library page says of the question that it shows: saved, to save, to pin."""

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
    address: str  # of the question
    saved: list[tuple[SavedSearch, bool]]  # that ask the same, and whether the person may change it
    brands: list[Brand]  # for which it may be saved
    pins: bool  # the person manages a brand that could pin it


@register.simple_tag(takes_context=True)
def saved_bar(context: dict[str, Any]) -> Bar | None:
    """None when nothing is asked, and for a collection, which is kept by itself."""
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
        address=question.address(),
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
def asked_at(kept: SavedSearch | GoldenQuestion) -> str:
    """Where the library shows what it finds."""
    return f"{reverse('library')}?{stored_query.querystring_of(kept)}"


@register.filter
def wanted(text: str) -> str:
    """For a prompt: a model would draw what stands after a minus."""
    return SearchQuery(text=text).terms.description


@register.filter
def told(address: str) -> str:
    """A kept question in a few words, without asking the database."""
    given = QueryDict(address)
    said = [given["q"]] if given.get("q") else []
    if pictures := len(given.getlist("like")) + len(given.getlist("picture")):
        said.append("a picture" if pictures == 1 else f"{pictures} pictures")
    filters = [
        f"{name.replace('_', ' ')} {', '.join(given.getlist(name))}"
        for name in PARAMETERS
        if any(given.getlist(name))
    ]
    return " · ".join([" + ".join(said), *filters] if said else filters)
