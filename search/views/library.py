"""The library page, and what search tells other pages of an asset, as fragments."""

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
from search.views.query_bar import balance, chips, thumbs, without

ASKED = ("q", "text_weight", "picture", "like")
MAX_PEOPLE = 200  # to choose from, of those who added something


@login_required
@require_safe
def library(request: PageRequest) -> HttpResponse:
    """Browsing and searching are one page; htmx asks for the next cards by their cursor alone."""
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
    context |= _line(request, page)
    if request.htmx and request.GET.get("cursor"):
        context |= _arranging(request, form)
        template = "_problem.html" if problem else "search/_cards.html"
        response = render(request, template, context, status=status)
    else:
        context |= _library_context(request, form, question)
        response = render(request, "search/library.html", context, status=status)
    patch_vary_headers(response, ["HX-Request"])  # one address, two answers
    response["Cache-Control"] = "private, no-store"
    return response


def _line(request: PageRequest, page: Page) -> dict[str, Any]:
    """Where the grid says that what follows matches less: before the card of this number. It says
    so once, so the address of the next page tells whether that was done; who opens a page by
    itself reads it again."""
    first = "cursor" not in request.GET
    said = "below" in request.GET and bool(request.htmx)
    places = (place for place, found in enumerate(page.found) if not found.matches)
    place = None if said else next(places, None)
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
    person = request.user
    colour = question.filters.colour
    return {
        "question": question,
        "description": question.terms.description,
        "chips": chips(form) if form.is_valid() else [],
        "thumbs": thumbs(form),
        "balance": balance(form),
        "without_question": without(request.GET, *ASKED),
        "without_filters": without(request.GET, *PARAMETERS),
        "without_wrong": without(request.GET, *form.errors),
        # What a script put in the place of the results is all that it takes of this page
        "whole": not request.htmx,
        "ratios": search_form.ASPECT_RATIOS,
        "swatches": colours.SWATCHES,
        "own_colour": "" if colour.lower() in dict(colours.SWATCHES).values() else colour,
        "chosen": {name: request.GET.getlist(name) for name in form.fields},
        "brands": list(permissions.brands(person)),
        "brands_to_fill": list(permissions.brands(person, *permissions.EDITORS)),
        "collections": permissions.collections(person).select_related("brand"),
        "people": _people(request),
        **_arranging(request, form),
    }


def _people(request: PageRequest) -> QuerySet[User]:
    """Who added something that may be seen."""
    people = User.objects.filter(Exists(search_form.added_by_them(request.user)))
    return people.order_by("first_name", "username")[:MAX_PEOPLE]


def _arranging(request: PageRequest, form: SearchForm) -> dict[str, Any]:
    """The collection that the page shows, and whether the person may arrange it."""
    collection: Collection | None = form.cleaned_data.get("collection") if form.is_valid() else None
    arranges = bool(collection and permissions.can_edit(request.user, collection.brand))
    return {"collection": collection, "arranges": arranges}


# ------------------------------------------------------------------------ counts beside filters


@login_required
@require_safe
def facet_counts(request: PageRequest) -> HttpResponse:
    """How many pictures each filter would show; fetched when the filters are opened."""
    form = SearchForm(request.GET, person=request.user)
    context: dict[str, Any] = {"chosen": {name: request.GET.getlist(name) for name in form.fields}}
    if form.is_valid():
        try:
            counted = facets.count_facets(person=request.user, question=form.question())
        except ProblemError:
            pass  # the results say what is wrong
        else:
            context |= _counts(request, counted)
    response = render(request, "search/_facets.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def _counts(request: PageRequest, counted: facets.Facets) -> dict[str, Any]:
    found = {facet.name: facet.values for facet in counted.facets}
    offered = {
        "brand": permissions.brands(request.user).values_list("slug", flat=True),
        "kind": Asset.Kind.values,
        "origin": Asset.Origin.values,
        "status": Asset.Status.values,
    }
    counts = []
    for name, values in offered.items():
        many = {value.value: value.count for value in found.get(name, ())}
        # of further values it is not known; what another question left there would be wrong
        other = 0 if len(many) < facets.MAX_VALUES else None
        counts += [(f"{name}-{value}", many.get(value, other)) for value in values]
    return {"counted": counted, "counts": counts, "found": found}
