"""The library page, and what search tells other pages of an asset, as fragments."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from assetbank import access, intake
from assetbank.errors import PictureRefused, ProblemError
from assetbank.models import Asset, Collection
from assetbank.views import PageRequest
from search import queries
from search.chips import chips, without
from search.forms import RATIOS, QuestionForm
from search.models import Embedding, PictureQuestion
from search.queries import Found, Page
from search.questions import Question

ASKED = ("q", "picture", "like")
SIMILAR = 8
MOST_STATES = 200  # of one poll


@login_required
@require_safe
def library(request: PageRequest) -> HttpResponse:
    """Browsing and searching are one page; htmx asks for the next cards by their cursor alone."""
    form = QuestionForm(request.GET, person=request.user)
    page, problem, status = Page([], ""), None, 200
    if form.is_valid():
        try:
            page = queries.find(
                person=request.user, question=form.question(), cursor=request.GET.get("cursor", "")
            )
        except ProblemError as error:
            problem, status = error, error.status
    else:
        status = 400
    context = {"page": page, "more": _more(request, page), "problem": problem, "form": form}
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


def _more(request: PageRequest, page: Page) -> str:
    if not page.next_cursor:
        return ""
    following = request.GET.copy()
    following["cursor"] = page.next_cursor
    return f"?{following.urlencode()}"


def _library_context(request: PageRequest, form: QuestionForm) -> dict[str, Any]:
    valid = form.is_valid()
    question = form.question() if valid else Question()
    return {
        "question": question,
        "chips": chips(form) if valid else [],
        "without": {name: without(request.GET, name) for name in ASKED},
        "without_question": without(request.GET, *ASKED),
        "ratios": RATIOS,
        "chosen": {name: request.GET.getlist(name) for name in form.fields},
        "brands": list(access.brands(request.user)),
        "brands_to_fill": list(access.brands(request.user, *access.CREATORS)),
        "collections": list(access.collections(request.user).select_related("brand")),
        **_arranging(request, form),
    }


def _arranging(request: PageRequest, form: QuestionForm) -> dict[str, Any]:
    """The collection that the page shows, and whether the person may arrange it."""
    collection: Collection | None = form.cleaned_data.get("collection") if form.is_valid() else None
    arranges = bool(collection and access.may_create(request.user, collection.brand))
    return {"collection": collection, "arranges": arranges}


# ------------------------------------------------------------------------ searching by picture


@login_required
@require_POST
def picture_search(request: PageRequest) -> HttpResponse:
    """`picture`, a file; the search then has an address of its own."""
    file = request.FILES.get("picture")
    if file is None:
        raise PictureRefused("Choose a picture to search with.")
    data = file.read(settings.MAX_UPLOAD_BYTES + 1)
    asked = queries.remember_picture(person=request.user, data=data)
    return HttpResponseRedirect(f"{reverse('library')}?picture={asked.pk}")


@login_required
@require_safe
def picture_thumbnail(request: PageRequest, pk: str) -> HttpResponse:
    shown = get_object_or_404(PictureQuestion, pk=pk, person=request.user)
    response = HttpResponse(bytes(shown.thumbnail), content_type="image/webp")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


# ------------------------------------------------------------------------ fragments of one asset


@login_required
@require_safe
def asset_similar(request: PageRequest, pk: int) -> HttpResponse:
    asset = _asset(request, pk)
    found: list[Found] = []
    problem = None
    try:
        question = Question(like=asset)
        found = queries.find(person=request.user, question=question, limit=SIMILAR).found
    except ProblemError as error:
        problem = error
    context = {"asset": asset, "found": found, "problem": problem}
    # 200 also then: a fragment that is missing something is not a page that failed
    return render(request, "search/_similar.html", context)


@login_required
@require_safe
def asset_card(request: PageRequest, pk: int) -> HttpResponse:
    """As it stands in the grid; what was uploaded a moment ago is put on top with it."""
    found = Found(_asset(request, pk), None)
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
    rows = Embedding.objects.filter(asset_id__in=seen).exclude(state=Embedding.State.PENDING)
    states = rows.values("asset_id", "state", "reason")
    return render(request, "search/_index_states.html", {"rows": states})


def _asset(request: PageRequest, pk: int) -> Asset:
    seen = access.assets(request.user).with_tags().select_related("brand", "embedding")
    return get_object_or_404(seen.defer("embedding__vector_bytes"), pk=pk)


def _state(request: PageRequest, asset: Asset) -> dict[str, Any]:
    row = Embedding.objects.filter(asset_id=asset.pk).defer("vector_bytes").first()
    return {
        "asset": asset,
        "row": row,
        "may_create": access.may_create(request.user, asset.brand),
    }
