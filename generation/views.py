"""The studio's pages: asking for pictures, following one request, looking back."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import access
from assetbank.errors import NotAllowed, ProblemError
from assetbank.models import Asset
from assetbank.views import PageRequest
from generation import engines, studio, tray
from generation.forms import COUNTS, HistoryForm, StudioForm, defaults
from generation.models import Generation, Output, Reference

PER_PAGE = 20
LINEAGE = 12  # generations that an asset's page lists


# ------------------------------------------------------------------------ the tray


@login_required
@require_safe
def show_tray(request: PageRequest) -> HttpResponse:
    if not access.brands(request.user, *access.CREATORS).exists():
        return HttpResponse()  # who may only look has no use for it
    return _tray(request, in_studio=request.GET.get("where") == "studio")


@login_required
@require_POST
def change_tray(request: PageRequest) -> HttpResponse:
    """One of `add`, `remove`, `earlier`, `later` (an asset's id), or `clear`."""
    _require_creator_somewhere(request)
    session, problem = request.session, ""
    verb, pk = _change(request)
    if verb == "add":
        get_object_or_404(access.assets(request.user), pk=pk)
        if not tray.add(session, pk):
            problem = f"The tray holds {tray.MOST} pictures: take one out first."
    elif verb == "remove":
        tray.remove(session, pk)
    elif verb in ("earlier", "later"):
        tray.move(session, pk, -1 if verb == "earlier" else 1)
    elif verb == "clear":
        tray.put(session, [])
    if request.htmx:
        return _tray(request, in_studio="in_studio" in request.POST, problem=problem, moved=pk)
    return redirect("studio" if "in_studio" in request.POST or verb == "add" else "library")


def _change(request: PageRequest) -> tuple[str, int]:
    for verb in ("add", "remove", "earlier", "later", "clear"):
        if verb in request.POST:
            text = request.POST[verb]
            return verb, int(text) if text.isdecimal() and len(text) < 19 else 0
    return "", 0


def _tray(
    request: PageRequest, *, in_studio: bool, problem: str = "", moved: int = 0
) -> HttpResponse:
    context = {
        "tray": tray.assets(request.user, request.session),
        "most": tray.MOST,
        "tray_problem": problem,
        "moved": moved,
    }
    template = "generation/_references.html" if in_studio else "generation/_tray.html"
    return render(request, template, context)


def _require_creator_somewhere(request: PageRequest) -> None:
    if not access.brands(request.user, *access.CREATORS).exists():
        raise NotAllowed("You may look at the library, but not make pictures from it.")


# ------------------------------------------------------------------------ the studio


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
    _require_creator_somewhere(request)
    if request.method == "POST":
        return _request(request)
    past = None
    if (number := request.GET.get("from", "")).isdecimal() and len(number) < 19:
        past = get_object_or_404(_generations(request), pk=int(number))
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


# ------------------------------------------------------------------------ one generation


@login_required
@require_safe
def generation(request: PageRequest, pk: int) -> HttpResponse:
    return render(request, "generation/generation.html", _follow(request, pk))


@login_required
@require_safe
def generation_state(request: PageRequest, pk: int) -> HttpResponse:
    response = render(request, "generation/_state.html", _follow(request, pk))
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def again(request: PageRequest, pk: int) -> HttpResponse:
    """To the studio, with what was asked then; its references take the place of the tray's."""
    _require_creator_somewhere(request)
    used = [row.asset.pk for row in _generation(request, pk).reference_rows.all() if row.asset]
    tray.put(request.session, used)
    return redirect(f"{reverse('studio')}?from={pk}")


@login_required
@require_POST
def cancel(request: PageRequest, pk: int) -> HttpResponse:
    studio.cancel(person=request.user, generation=_generation(request, pk))
    return redirect("generation", pk=pk)


@login_required
@require_POST
def retry(request: PageRequest, pk: int) -> HttpResponse:
    studio.retry(person=request.user, generation=_generation(request, pk))
    return redirect("generation", pk=pk)


def _generation(request: PageRequest, pk: int) -> Generation:
    return get_object_or_404(_generations(request), pk=pk)


def _generations(request: PageRequest) -> QuerySet[Generation]:
    """Those of the brands that the person sees, with what a page shows of each."""
    seen = access.assets(request.user)
    return (
        Generation.objects.filter(brand__in=access.brands(request.user))
        .select_related("brand", "created_by")
        .prefetch_related(
            Prefetch("outputs", Output.objects.defer("data").prefetch_related("asset")),
            Prefetch(
                "reference_rows",
                # what the person may not see is shown as a title only
                Reference.objects.prefetch_related(Prefetch("asset", seen)),
            ),
        )
    )


def _follow(request: PageRequest, pk: int) -> dict[str, Any]:
    shown = _generation(request, pk)
    outputs = list(shown.outputs.all())
    hidden = any(row.asset_id and not row.asset for row in shown.reference_rows.all())
    takes = [shown.takes[number] for number in sorted(shown.takes, key=int)]
    across, _, down = shown.aspect_ratio.partition(":")
    waiting = 0 if shown.finished else max(0, shown.count - len(takes))
    return {
        "generation": shown,
        "full_prompt": "" if hidden else shown.full_prompt,  # it names the references
        "outputs": [output for output in outputs if output.asset],
        "unreadable": [output.problem for output in outputs if output.problem],
        "waiting": range(waiting),
        "shown": sum(bool(output.asset) for output in outputs) + waiting,
        "done": len(takes),
        "frame": (across, down or "1"),
        "said": [take["text"] for take in takes if take.get("text")],
        "seconds": _seconds(shown),
        "versions": sorted({v for take in takes if (v := take.get("model_version"))}),
        "may_create": access.may_create(request.user, shown.brand),
        "label": next((m.label for m in engines.models() if m.id == shown.model), shown.model),
    }


def _seconds(shown: Generation) -> float | None:
    if shown.started_at is None or shown.finished_at is None:
        return None
    return (shown.finished_at - shown.started_at).total_seconds()


# ------------------------------------------------------------------------ looking back


@login_required
@require_safe
def history(request: PageRequest) -> HttpResponse:
    form = HistoryForm(request.GET)
    rows: list[Generation] = []
    if form.is_valid():
        listed = _generations(request).order_by("-id")
        data = form.cleaned_data
        if data["q"]:
            listed = listed.filter(prompt__icontains=data["q"].replace("\0", ""))
        if data["state"]:
            listed = listed.filter(state=data["state"])
        if data["before"]:
            listed = listed.filter(pk__lt=data["before"])
        rows = list(listed[: PER_PAGE + 1])
    more = ""
    if len(rows) > PER_PAGE:
        rows = rows[:PER_PAGE]
        following = request.GET.copy()
        following["before"] = str(rows[-1].pk)
        more = f"?{following.urlencode()}"
    context = {"form": form, "generations": rows, "more": more}
    template = "_history_rows" if request.htmx and request.GET.get("before") else "history"
    status = 200 if form.is_valid() else 400
    response = render(request, f"generation/{template}.html", context, status=status)
    response["Vary"], response["Cache-Control"] = "HX-Request, Cookie", "private, no-store"
    return response


@login_required
@require_safe
def asset_lineage(request: PageRequest, pk: int) -> HttpResponse:
    """What an asset was made from, and what was made with it."""
    asset = get_object_or_404(access.assets(request.user), pk=pk)
    seen = _generations(request).order_by("-id")
    context = {
        "asset": asset,
        "made_from": seen.filter(outputs__asset=asset).distinct().first(),
        "made_with": list(seen.filter(reference_rows__asset=asset).distinct()[:LINEAGE]),
    }
    return render(request, "generation/_lineage.html", context)
