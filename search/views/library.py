"""The library page, where users browse and search, and the counts next to its filters."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Exists, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from assetbank import permissions
from assetbank.errors import ProblemError
from assetbank.http import PageRequest
from assetbank.media import colours
from assetbank.models import Asset, Collection
from search.query import PARAMETERS, Page, SearchForm, SearchQuery, facets, search, search_form
from search.views.custom_filters import field_counts, field_inputs
from search.views.query_bar import balance, chips, thumbs, without

QUERY_PARAMETERS = ("q", "text_weight", "picture", "like")
MAX_PEOPLE = 200  # users in the filter by creator


@login_required
@require_safe
def library(request: PageRequest) -> HttpResponse:
    """Show the library, browsed or searched; htmx fetches further cards by their cursor alone."""
    form = SearchForm(request.GET, person=request.user)
    page, problem, status = Page([]), None, 200
    question = SearchQuery()
    if form.is_valid():
        question = form.question()
        try:
            page = search(
                person=request.user, question=question, cursor=request.GET.get("cursor", "")
            )
        except ProblemError as error:
            problem, status = error, error.status
    else:
        status = 400
    address = without(request.GET)
    context = {"page": page, "problem": problem, "form": form, "address": address}
    context |= _divider_context(request, page)
    if request.htmx and request.GET.get("cursor"):
        context |= _collection_context(request, form)
        template = "_problem.html" if problem else "search/_cards.html"
        response = render(request, template, context, status=status)
    else:
        context |= _library_context(request, form, question)
        response = render(request, "search/library.html", context, status=status)
    patch_vary_headers(response, ["HX-Request"])  # one address, two answers
    response["Cache-Control"] = "private, no-store"
    return response


def _divider_context(request: PageRequest, page: Page) -> dict[str, Any]:
    """Return context for the divider before the first card that does not match.

    The divider is shown once, so the address of the next page says whether it was; a user who opens
    that page directly sees it again.
    """
    first = "cursor" not in request.GET
    divided = "below" in request.GET and bool(request.htmx)
    places = (place for place, found in enumerate(page.found) if not found.matches)
    place = None if divided else next(places, None)
    more = ""
    if page.next_cursor:
        following = request.GET.copy()
        following["cursor"] = page.next_cursor
        if not page.found[-1].matches:
            following["below"] = "1"
        more = f"?{following.urlencode()}"
    return {
        "more": more,
        "none_match": first and place == 0,
        "divider": None if first and place == 0 else place,
    }


def _library_context(
    request: PageRequest, form: SearchForm, question: SearchQuery
) -> dict[str, Any]:
    """Return context of the whole page."""
    person = request.user
    colour = question.filters.colour
    brands = list(permissions.brands(person))
    return {
        "question": question,
        "description": question.terms.description,
        "chips": chips(form) if form.is_valid() else [],
        "thumbs": thumbs(form),
        "balance": balance(form),
        "without_question": without(request.GET, *QUERY_PARAMETERS),
        "without_filters": without(request.GET, *PARAMETERS),
        "without_wrong": without(request.GET, *form.errors),
        # A script that replaces the results takes nothing else from this page
        "whole": not request.htmx,
        "ratios": search_form.ASPECT_RATIOS,
        "swatches": colours.SWATCHES,
        "own_colour": "" if colour.lower() in dict(colours.SWATCHES).values() else colour,
        "chosen": {name: request.GET.getlist(name) for name in form.fields},
        "brands": brands,
        "field_inputs": field_inputs(request.GET, brands),
        "brands_to_fill": (fillable := list(permissions.brands(person, *permissions.EDITORS))),
        "uploads_have_fields": any(brand.fields_changed_at for brand in fillable),
        "collections": permissions.collections(person).select_related("brand"),
        "people": _people(request),
        **_collection_context(request, form),
    }


def _people(request: PageRequest) -> QuerySet[User]:
    """Return users who added assets that the user may see."""
    people = User.objects.filter(Exists(search_form.assets_added_by_user(request.user)))
    return people.order_by("first_name", "username")[:MAX_PEOPLE]


def _collection_context(request: PageRequest, form: SearchForm) -> dict[str, Any]:
    """Return context: the collection that the page shows, and whether the user may arrange it."""
    collection: Collection | None = form.cleaned_data.get("collection") if form.is_valid() else None
    sorted_ = form.is_valid() and form.cleaned_data["sort"]  # by date, not as users arranged it
    arranges = bool(
        collection and not sorted_ and permissions.can_edit(request.user, collection.brand)
    )
    return {"collection": collection, "arranges": arranges}


# ------------------------------------------------------------------------ counts of filter values


@login_required
@require_safe
def facet_counts(request: PageRequest) -> HttpResponse:
    """Render how many assets each filter would show; fetched when the filters are opened."""
    form = SearchForm(request.GET, person=request.user)
    context: dict[str, Any] = {"chosen": {name: request.GET.getlist(name) for name in form.fields}}
    if form.is_valid():
        try:
            counted = facets.count_facets(person=request.user, question=form.question())
        except ProblemError:
            pass  # the results show the error
        else:
            context |= _counts(request, counted)
    response = render(request, "search/_facets.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def _counts(request: PageRequest, counted: facets.Facets) -> dict[str, Any]:
    """Return context of the counts."""
    found = {facet.name: facet.values for facet in counted.facets}
    brands = list(permissions.brands(request.user))
    offered = {
        "brand": [brand.slug for brand in brands],
        "kind": Asset.Kind.values,
        "origin": Asset.Origin.values,
        "status": Asset.Status.values,
    }
    counts = []
    for name, values in offered.items():
        many = {value.value: value.count for value in found.get(name, ())}
        # The counts of further values are unknown, and those of an earlier query must not stay
        other = 0 if len(many) < facets.MAX_VALUES else None
        counts += [(f"{name}-{value}", many.get(value, other)) for value in values]
    counts += field_counts(field_inputs(request.GET, brands), counted.facets)
    return {"counted": counted, "counts": counts, "found": found}
