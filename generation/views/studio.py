"""The studio: asking for pictures."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from assetbank import access
from assetbank.errors import NotAllowed, ProblemError
from assetbank.models import Asset
from assetbank.views import PageRequest
from generation import engines, studio, tray
from generation.forms import COUNTS, StudioForm, defaults
from generation.views.seen import generations, require_creator_somewhere


class Shape(NamedTuple):
    """An aspect ratio as it is drawn on its button: a rectangle in a box of 24."""

    value: str
    x: float
    y: float
    width: float
    height: float


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def make(request: PageRequest) -> HttpResponse:
    """The studio. `?from=<generation>` starts from what was asked then; its references are those in
    the tray, where `again` puts them. `?prompt=` starts with these words."""
    require_creator_somewhere(request)
    if request.method == "POST":
        return _request(request)
    past = None
    if (number := request.GET.get("from", "")).isdecimal() and len(number) < 19:
        past = get_object_or_404(generations(request), pk=int(number))
    references = tray.assets(request.user, request.session)
    brands = list(access.brands(request.user, *access.CREATORS))
    initial = defaults(brands, past, references)
    if words := request.GET.get("prompt", "")[: studio.LONGEST_PROMPT]:
        initial["prompt"] = words
    form = StudioForm(initial=initial, person=request.user)
    return _studio(request, form, references)


def _request(request: PageRequest) -> HttpResponse:
    form = StudioForm(request.POST, person=request.user)
    if form.is_valid():
        try:
            asked = studio.request(
                person=request.user,
                references=form.references(),
                key=form.key(),
                **form.cleaned_data,
            )
        except NotAllowed:
            raise
        except ProblemError as error:
            form.add_error(None, error.message)
        else:
            return redirect("generation", pk=asked.pk)
    return _studio(request, form, tray.assets(request.user, request.session), status=400)


def _studio(
    request: PageRequest, form: StudioForm, references: list[Asset], status: int = 200
) -> HttpResponse:
    models = engines.models()
    ratios = dict.fromkeys(ratio for entry in models for ratio in entry.aspect_ratios)
    sizes = dict.fromkeys(size for entry in models for size in entry.image_sizes)
    context = {
        "form": form,
        "models": models,
        "shapes": [_shape(ratio) for ratio in ratios],
        "sizes": list(sizes),
        "counts": COUNTS,
        "brands": list(access.brands(request.user, *access.CREATORS)),
        "only_sketch": all(entry.engine == "sketch" for entry in models),
        "tray": references,
        "most": tray.MOST,
        "token": uuid.uuid4(),
    }
    return render(request, "generation/studio.html", context, status=status)


def _shape(ratio: str) -> Shape:
    across, _, down = ratio.partition(":")
    width, height = float(across), float(down or 1)
    scale = 20 / max(width, height)
    width, height = max(3.0, round(width * scale, 1)), max(3.0, round(height * scale, 1))
    return Shape(ratio, round(12 - width / 2, 1), round(12 - height / 2, 1), width, height)
