"""Search by image: uploads, regions of assets, and their thumbnails."""

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
MAX_ADDRESS_LENGTH = 10_000  # characters of a query string that is sent with an image


@login_required
@require_POST
def picture_search(request: PageRequest) -> HttpResponse:
    """Search by `picture`, one or more files, together with the query string `question`.

    Redirects to the address of the combined search.
    """
    files = request.FILES.getlist("picture")
    if not files:
        raise PictureRefused("Choose a picture to search with.")
    query = _current_query(request)
    images = len(files) + len(query.getlist("like")) + len(query.getlist("picture"))
    if images > search_form.MAX_IMAGES:
        raise PictureRefused(
            f"A question has at most {search_form.MAX_IMAGES} pictures. Take one away first."
        )
    for file in files:
        data = file.read(settings.MAX_UPLOAD_BYTES + 1)
        image = embedding.save_query_image(person=request.user, data=data)
        query.appendlist("picture", str(image.pk))
    return HttpResponseRedirect(f"{reverse('library')}?{query.urlencode()}")


def _current_query(request: PageRequest) -> QueryDict:
    """Return the valid parameters of the sent query: a page may be old, and a field forged."""
    sent = QueryDict(request.POST.get("question", "")[:MAX_ADDRESS_LENGTH].lstrip("?"))
    form = SearchForm(sent, person=request.user)
    query = QueryDict(mutable=True)
    for name in form.fields:
        if name not in form.errors and any(sent.getlist(name)):
            query.setlist(name, sent.getlist(name))
    return query


@login_required
@require_safe
def picture_thumbnail(request: PageRequest, pk: str) -> HttpResponse:
    """Return the thumbnail of a query image."""
    image = get_object_or_404(search_form.images_of(request.user), pk=pk)
    if image.asset_id:  # a region in a brand's saved query, whose asset this user may not see
        get_object_or_404(permissions.assets(request.user), pk=image.asset_id)
    response = HttpResponse(bytes(image.thumbnail), content_type="image/webp")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


@login_required
@require_POST
def part_search(request: PageRequest, pk: int) -> HttpResponse:
    """Search by a region of the asset: `left`, `top`, `right`, `bottom` as shares of it, 0 to 1.

    Redirects back to the asset if the region is invalid.
    """
    asset = _asset(request, pk)
    left, top, right, bottom = (_share(request.POST.get(side)) for side in BOX)
    box = (left, top, right, bottom)
    try:
        image = embedding.save_query_crop(person=request.user, asset=asset, box=box)
    except PictureRefused as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(asset.get_absolute_url())
    return HttpResponseRedirect(f"{reverse('library')}?picture={image.pk}")


def _share(text: str | None) -> float:
    """Return the number, or nan, which is in no image."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
