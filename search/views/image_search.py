"""The library page, and what search tells other pages of an asset, as fragments."""

from __future__ import annotations

import math

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from assetbank import permissions
from assetbank.errors import PictureRefused
from assetbank.http import PageRequest
from search.query import SearchForm, embedding, search_form
from search.views.asset_panels import _asset

BOX = ("left", "top", "right", "bottom")
MAX_ADDRESS_LENGTH = 10_000  # characters of a question that comes back with a picture


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
    if (
        len(files) + len(given.getlist("like")) + len(given.getlist("picture"))
        > search_form.MAX_IMAGES
    ):
        raise PictureRefused(
            f"A question has at most {search_form.MAX_IMAGES} pictures. Take one away first."
        )
    for file in files:
        data = file.read(settings.MAX_UPLOAD_BYTES + 1)
        asked = embedding.save_query_image(person=request.user, data=data)
        given.appendlist("picture", str(asked.pk))
    return HttpResponseRedirect(f"{reverse('library')}?{given.urlencode()}")


def _question_so_far(request: PageRequest) -> QueryDict:
    """Only what the library page knows and takes; a page may be old, and a field forged."""
    sent = QueryDict(request.POST.get("question", "")[:MAX_ADDRESS_LENGTH].lstrip("?"))
    form = SearchForm(sent, person=request.user)
    given = QueryDict(mutable=True)
    for name in form.fields:
        if name not in form.errors and any(sent.getlist(name)):
            given.setlist(name, sent.getlist(name))
    return given


@login_required
@require_safe
def picture_thumbnail(request: PageRequest, pk: str) -> HttpResponse:
    shown = get_object_or_404(search_form.images_of(request.user), pk=pk)
    if shown.asset_id:  # a brand's kept question may show a part of what this person may not see
        get_object_or_404(permissions.assets(request.user), pk=shown.asset_id)
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
        asked = embedding.save_query_crop(person=request.user, asset=asset, box=box)
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
