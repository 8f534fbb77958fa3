"""The library page, and what search tells other pages of an asset, as fragments."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Exists, QuerySet
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from assetbank import access, colours, intake
from assetbank.errors import PictureRefused, ProblemError
from assetbank.models import Asset, Collection
from assetbank.views import PageRequest
from search import facets, queries, vectors, words
from search.chips import balance, chips, thumbs, without
from search.forms import MOST_SHOWN, RATIOS, QuestionForm, added_by_them, pictures_of
from search.models import Embedding, with_index_state
from search.queries import Found, Page
from search.questions import PARAMETERS, Question, like

BOX = ("left", "top", "right", "bottom")
ASKED = ("q", "text_weight", "picture", "like")
LONGEST_ADDRESS = 10_000  # characters of a question that comes back with a picture
MOST_PEOPLE = 200  # to choose from, of those who added something
SIMILAR = 8
MOST_STATES = 200  # of one poll


@login_required
@require_safe
def library(request: PageRequest) -> HttpResponse:
    """Browsing and searching are one page; htmx asks for the next cards by their cursor alone."""
    form = QuestionForm(request.GET, person=request.user)
    page, problem, status = Page([]), None, 200
    if form.is_valid():
        try:
            page = queries.find(
                person=request.user, question=form.question(), cursor=request.GET.get("cursor", "")
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
        context |= _library_context(request, form)
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


def _library_context(request: PageRequest, form: QuestionForm) -> dict[str, Any]:
    valid = form.is_valid()
    question = form.question() if valid else Question()
    person = request.user
    colour = question.filters.colour
    return {
        "question": question,
        "description": words.parse(question.text).description,
        "chips": chips(form) if valid else [],
        "thumbs": thumbs(form),
        "balance": balance(form),
        "without_question": without(request.GET, *ASKED),
        "without_filters": without(request.GET, *PARAMETERS),
        "without_wrong": without(request.GET, *form.errors),
        # What a script put in the place of the results is all that it takes of this page
        "whole": not request.htmx,
        "ratios": RATIOS,
        "swatches": colours.SWATCHES,
        "own_colour": "" if colour.lower() in dict(colours.SWATCHES).values() else colour,
        "chosen": {name: request.GET.getlist(name) for name in form.fields},
        "brands": list(access.brands(person)),
        "brands_to_fill": list(access.brands(person, *access.CREATORS)),
        "collections": access.collections(person).select_related("brand"),
        "people": _people(request),
        **_arranging(request, form),
    }


def _people(request: PageRequest) -> QuerySet[User]:
    """Who added something that may be seen."""
    people = User.objects.filter(Exists(added_by_them(request.user)))
    return people.order_by("first_name", "username")[:MOST_PEOPLE]


def _arranging(request: PageRequest, form: QuestionForm) -> dict[str, Any]:
    """The collection that the page shows, and whether the person may arrange it."""
    collection: Collection | None = form.cleaned_data.get("collection") if form.is_valid() else None
    arranges = bool(collection and access.may_create(request.user, collection.brand))
    return {"collection": collection, "arranges": arranges}


# ------------------------------------------------------------------------ searching by picture


@login_required
@require_POST
def picture_search(request: PageRequest) -> HttpResponse:
    """`picture`, one file or more, beside what `question` asks already, as the parameters of an
    address; all of it then has an address of its own."""
    files = request.FILES.getlist("picture")
    if not files:
        raise PictureRefused("Choose a picture to search with.")
    given = _question_so_far(request)
    if len(files) + len(given.getlist("like")) + len(given.getlist("picture")) > MOST_SHOWN:
        raise PictureRefused(f"A question has at most {MOST_SHOWN} pictures. Take one away first.")
    for file in files:
        data = file.read(settings.MAX_UPLOAD_BYTES + 1)
        asked = vectors.remember_picture(person=request.user, data=data)
        given.appendlist("picture", str(asked.pk))
    return HttpResponseRedirect(f"{reverse('library')}?{given.urlencode()}")


def _question_so_far(request: PageRequest) -> QueryDict:
    """Only what the library page knows and takes; a page may be old, and a field forged."""
    sent = QueryDict(request.POST.get("question", "")[:LONGEST_ADDRESS].lstrip("?"))
    form = QuestionForm(sent, person=request.user)
    given = QueryDict(mutable=True)
    for name in form.fields:
        if name not in form.errors and any(sent.getlist(name)):
            given.setlist(name, sent.getlist(name))
    return given


@login_required
@require_safe
def picture_thumbnail(request: PageRequest, pk: str) -> HttpResponse:
    shown = get_object_or_404(pictures_of(request.user), pk=pk)
    if shown.asset_id:  # a brand's kept question may show a part of what this person may not see
        get_object_or_404(access.assets(request.user), pk=shown.asset_id)
    response = HttpResponse(bytes(shown.thumbnail), content_type="image/webp")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


@login_required
@require_POST
def part_search(request: PageRequest, pk: int) -> HttpResponse:
    """`left`, `top`, `right`, `bottom`: a box on the picture, as shares of it, 0 to 1. One that is
    no good leads back to the picture, to draw another."""
    asset = _asset(request, pk)
    left, top, right, bottom = (_share(request.POST.get(side)) for side in BOX)
    box = (left, top, right, bottom)
    try:
        asked = vectors.remember_part(person=request.user, asset=asset, box=box)
    except PictureRefused as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(asset.get_absolute_url())
    return HttpResponseRedirect(f"{reverse('library')}?picture={asked.pk}")


def _share(text: str | None) -> float:
    """Nan, which is in no picture, for what is no number."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


# ------------------------------------------------------------------------ counts beside filters


@login_required
@require_safe
def facet_counts(request: PageRequest) -> HttpResponse:
    """How many pictures each filter would show; fetched when the filters are opened."""
    form = QuestionForm(request.GET, person=request.user)
    context: dict[str, Any] = {"chosen": {name: request.GET.getlist(name) for name in form.fields}}
    if form.is_valid():
        try:
            counted = facets.facets(person=request.user, question=form.question())
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
        "brand": access.brands(request.user).values_list("slug", flat=True),
        "kind": Asset.Kind.values,
        "origin": Asset.Origin.values,
        "status": Asset.Status.values,
    }
    counts = []
    for name, values in offered.items():
        many = {value.value: value.count for value in found.get(name, ())}
        # of further values it is not known; what another question left there would be wrong
        other = 0 if len(many) < facets.MOST_VALUES else None
        counts += [(f"{name}-{value}", many.get(value, other)) for value in values]
    return {"counted": counted, "counts": counts, "found": found}


# ------------------------------------------------------------------------ fragments of one asset


@login_required
@require_safe
def asset_similar(request: PageRequest, pk: int) -> HttpResponse:
    asset = _asset(request, pk)
    found: list[Found] = []
    problem = None
    try:
        question = Question(shown=(like(asset),))
        found = queries.find(
            person=request.user, question=question, limit=SIMILAR, keep=False
        ).found
    except ProblemError as error:
        problem = error
    context = {"asset": asset, "found": found, "problem": problem}
    # 200 also then: a fragment that is missing something is not a page that failed
    return render(request, "search/_similar.html", context)


@login_required
@require_safe
def asset_card(request: PageRequest, pk: int) -> HttpResponse:
    """As it stands in the grid; what was uploaded a moment ago is put on top with it."""
    found = Found(_asset(request, pk))
    return render(request, "search/_card.html", {"found": found, "fresh": True})


@login_required
@require_safe
def asset_index_state(request: PageRequest, pk: int) -> HttpResponse:
    asset = _asset(request, pk)
    return render(request, "search/_index_state.html", _state(request, asset))


@login_required
@require_POST
def asset_index_again(request: PageRequest, pk: int) -> HttpResponse:
    asset = _asset(request, pk)
    access.require_creator(request.user, asset.brand)
    # Saving is how search hears of an asset: one way in, with its row and its job
    intake.update(asset=asset)
    if not request.htmx:
        return HttpResponseRedirect(asset.get_absolute_url())
    return render(request, "search/_index_state.html", _state(request, _asset(request, pk)))


@login_required
@require_safe
def index_states(request: PageRequest) -> HttpResponse:
    """Badges of the cards that wait (`waiting`, ids), for those that do not wait any more."""
    given = request.GET.getlist("waiting")[:MOST_STATES]
    ids = [int(text) for text in given if text.isdecimal() and len(text) < 19]
    seen = access.assets(request.user).filter(pk__in=ids).values("pk")
    rows = Embedding.objects.filter(asset_id__in=seen, space__active=True).exclude(
        state=Embedding.State.PENDING
    )
    states = rows.values("asset_id", "state", "reason")
    return render(request, "search/_index_states.html", {"rows": states})


def _asset(request: PageRequest, pk: int) -> Asset:
    seen = with_index_state(access.assets(request.user).with_tags()).select_related("brand")
    return get_object_or_404(seen, pk=pk)


def _state(request: PageRequest, asset: Asset) -> dict[str, Any]:
    return {"asset": asset, "may_create": access.may_create(request.user, asset.brand)}
