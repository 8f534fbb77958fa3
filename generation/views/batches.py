"""Batches: asked for on the page of a matrix, then followed and looked through on one page."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.errors import NotAllowed, ProblemError
from assetbank.http import PageRequest
from assetbank.text import parse_id
from generation import permissions as visible
from generation.composer import reuse, tray
from generation.engines import catalog
from generation.forms import COUNTS, MatrixForm
from generation.models import Batch, EngineModel, Generation, Preset, PresetVersion
from generation.prompting import presets
from generation.review import verdicts
from generation.views.output_grid import CHOICES, UNDECIDED, Shown, shown
from generation.views.querysets import followed, generations, require_creator_somewhere
from generation.workflows import MAX_CELLS
from generation.workflows import batch as batches

PER_PAGE = 24
COVERS = 4

# ------------------------------------------------------------------------ asking


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """The page of a matrix; its pictures are those in the tray. `estimate` only says what it would
    cost."""
    require_creator_somewhere(request)
    roles = tray.roles(request.session)
    if request.method != "POST":
        return _form(
            request, MatrixForm(initial=_initial(request), person=request.user, roles=roles)
        )
    form = MatrixForm(request.POST, person=request.user, roles=roles)
    estimated: batches.Estimate | None = None
    before: list[reuse.PastResult] = []
    if form.is_valid():
        try:
            if "estimate" not in request.POST:
                asked = batches.submit_batch(person=request.user, key=form.key(), **form.asked())
                return redirect("batch", pk=asked.pk)
            estimated, before = _estimate(form), _made_before(request, form)
        except NotAllowed:
            raise
        except ProblemError as error:
            form.add_error(None, error.message)
    if request.htmx and "estimate" in request.POST:
        context = {"form": form, "estimated": estimated, "before": before}
        return render(request, "generation/_matrix_estimate.html", context)
    return _form(request, form, estimated, before, status=400 if form.errors else 200)


def _initial(request: PageRequest) -> dict[str, Any]:
    """What the studio's page may have said in the address, else the first model's first choices."""
    first = next(iter(catalog.available_models()), None)
    usual = {
        "kind": Batch.Kind.PRODUCTS,
        "model": first.pk if first else "",
        "aspect_ratio": first.aspect_ratios[0] if first else "",
        "image_size": first.image_sizes[0] if first and first.image_sizes else "",
        "count": 1,
    }
    return {**usual, **request.GET.dict()}


def _estimate(form: MatrixForm) -> batches.Estimate:
    asked = form.asked()
    names = ("matrix", "model", "image_size", "count")
    return batches.estimate_batch(**{name: asked[name] for name in names})


def _made_before(request: PageRequest, form: MatrixForm) -> list[reuse.PastResult]:
    asked = form.asked()
    matrix = asked["matrix"]
    wanted = [
        reuse.RequestSpec(
            brand=asked["brand"],
            aspect_ratio=asked["aspect_ratio"],
            prompt=cell.prompt,
            references=cell.references,
            roles=cell.roles,
            preset_version=matrix.preset_version,
            variables=cell.variables,
        )
        for cell in matrix.cells()
    ]
    return reuse.find_existing_many(person=request.user, wanted=wanted)


def _form(
    request: PageRequest,
    form: MatrixForm,
    estimated: batches.Estimate | None = None,
    before: list[reuse.PastResult] | None = None,
    status: int = 200,
) -> HttpResponse:
    models = catalog.available_models()
    pictures = tray.assets(request.user, request.session)
    given = request.POST if form.is_bound else request.GET
    countable = Count("items", filter=Q(items__asset__in=permissions.assets(request.user)))
    ticked = given.getlist("base") or [str(each.pk) for each in pictures[:1]]
    context = {
        "form": form,
        "models": models,
        "ratios": list(dict.fromkeys(ratio for entry in models for ratio in entry.aspect_ratios)),
        "sizes": list(dict.fromkeys(size for entry in models for size in entry.image_sizes)),
        "counts": COUNTS,
        "brands": list(permissions.brands(request.user, *permissions.EDITORS)),
        "collections": list(permissions.collections(request.user).annotate(size=countable)),
        "kinds": Batch.Kind.choices,
        "presets": _presets(request),
        "tray": pictures,
        "ticked": ticked,
        "most": MAX_CELLS,
        "estimated": estimated,
        "before": before,
        "token": uuid.uuid4(),
    }
    return render(request, "generation/batch_new.html", context, status=status)


def _presets(request: PageRequest) -> list[tuple[Preset, str]]:
    """Those on offer, with the names of their blanks."""
    newest = PresetVersion.objects.order_by("preset_id", "-number").distinct("preset_id")
    versions = {version.preset_id: version for version in newest}
    return [
        (preset, ", ".join(each["name"] for each in versions[preset.pk].variables))
        for preset in presets.offered(request.user).order_by("position", "name")
    ]


# ------------------------------------------------------------------------ following


@login_required
@require_safe
def listed(request: PageRequest) -> HttpResponse:
    rows = batches_of(request).order_by("-pk")
    if (before := parse_id(request.GET.get("before", ""))) is not None:
        rows = rows.filter(pk__lt=before)
    cells = generations(request).prefetch_related("takes")
    page = list(rows.prefetch_related(Prefetch("generations", cells))[:PER_PAGE])
    context = {
        "batches": [
            (batch, batches.batch_progress(batch.generations.all()), _covers(batch))
            for batch in page
        ],
        "more": f"?before={page[-1].pk}" if len(page) == PER_PAGE else "",
    }
    return render(request, "generation/batches.html", context)


def _covers(batch: Batch) -> list[Any]:
    came = (o.asset for each in batch.generations.all() for o in each.outputs.all() if o.asset)
    return [asset for _, asset in zip(range(COVERS), came, strict=False)]


@login_required
@require_safe
def batch(request: PageRequest, pk: int) -> HttpResponse:
    """`?show=` one of kept, undecided, rejected: only those pictures."""
    return render(request, "generation/batch.html", _batch(request, pk))


@login_required
@require_safe
def progress(request: PageRequest, pk: int) -> HttpResponse:
    """What has changed since the page was drawn: `m` are the marks of what stands there, that of
    its head first, then those of its cells in order. 204: nothing has."""
    context, have = _batch(request, pk), request.GET.getlist("m")
    cells: list[Shown] = context["cells"]
    marks = [context["mark"], *(cell.mark for cell in cells)]
    if marks == have:
        return HttpResponse(status=204)
    known = have[1:] if len(have) == len(marks) else [""] * len(cells)
    context["changed"] = [
        cell for cell, mark in zip(cells, known, strict=True) if cell.mark != mark
    ]
    response = render(request, "generation/_batch_progress.html", context)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_safe
def choices(request: PageRequest, pk: int) -> HttpResponse:
    """How many are kept, undecided and rejected, with links to only those."""
    context = _batch(request, pk)
    response = render(request, "generation/_batch_choices.html", context)
    response["Cache-Control"] = "no-store"
    return response


def batches_of(request: PageRequest) -> Any:
    seen = visible.batches(request.user)
    return seen.select_related("brand", "created_by").prefetch_related("jobs")


def _batch(request: PageRequest, pk: int) -> dict[str, Any]:
    followed_batch = get_object_or_404(batches_of(request), pk=pk)
    rows = list(followed(request).filter(batch=followed_batch).order_by("pk"))
    choice = request.GET.get("show", "")
    choice = choice if choice in CHOICES else ""
    models = list(EngineModel.objects.filter(pk__in={row.model for row in rows}))
    cells = [shown(row, models, choice) for row in rows]
    far = batches.batch_progress(rows)
    return {
        "batch": followed_batch,
        "cells": cells,
        "choice": choice,
        "choices": _choices(rows, choice),
        "progress": far,
        "mark": _mark(far, rows, followed_batch),
        "several": any(len(cell.outputs) + len(cell.waiting) > 1 for cell in cells),
        "nothing_chosen": bool(choice) and not any(cell.outputs for cell in cells),
        "model": ", ".join(model.label for model in models),
        "may_create": permissions.can_edit(request.user, followed_batch.brand),
        "reasons": verdicts.REASONS,
        "next": reverse("batch", args=[pk]) + (f"?show={choice}" if choice else ""),
        "kept": [o.asset for row in rows for o in row.outputs.all() if o.verdict == "kept"],
        "collections": followed_batch.brand.collections.all(),
        "tray_most": tray.MAX_REFERENCES,
    }


def _choices(rows: list[Generation], choice: str) -> list[tuple[str, str, int, bool]]:
    counted = Counter(
        output.verdict or UNDECIDED for row in rows for output in row.outputs.all() if output.asset
    )
    everything = [("", "All", counted.total(), not choice)]
    return everything + [
        (value, label, counted[value], value == choice) for value, label in CHOICES.items()
    ]


def _mark(far: batches.Progress, rows: list[Generation], followed_batch: Batch) -> str:
    stopping = sum(row.cancel_requested for row in rows)
    orders = [(job.state, job.reason, job.polled_at) for job in followed_batch.jobs.all()]
    return hashlib.sha256(repr((far, stopping, orders)).encode()).hexdigest()[:8]


# ------------------------------------------------------------------------ acting


@login_required
@require_POST
def stop(request: PageRequest, pk: int) -> HttpResponse:
    batches.stop_batch(person=request.user, batch=get_object_or_404(batches_of(request), pk=pk))
    return redirect("batch", pk=pk)


@login_required
@require_POST
def retry(request: PageRequest, pk: int) -> HttpResponse:
    stopped = get_object_or_404(batches_of(request), pk=pk)
    again = batches.retry_batch(person=request.user, batch=stopped)
    messages.success(request, f"{again} {'is' if again == 1 else 'are'} waiting again.")
    return redirect("batch", pk=pk)
