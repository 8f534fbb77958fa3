"""Pages of batches: the form of a new one, the list, and one page to follow and review each."""

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
from generation.composer import reuse, tray
from generation.engines import catalog
from generation.forms import COUNTS, MatrixForm
from generation.models import Batch, EngineModel, Generation, Preset, PresetVersion
from generation.prompting import presets
from generation.review import verdicts
from generation.views.output_grid import CHOICES, UNDECIDED, OutputGrid, output_grid
from generation.views.querysets import (
    generation_details,
    require_creator_somewhere,
    visible_batches,
    visible_generations,
)
from generation.workflows import (
    MAX_CELLS,
    BatchEstimate,
    BatchProgress,
    batch_progress,
    estimate_batch,
    retry_batch,
    stop_batch,
    submit_batch,
)

PER_PAGE = 24
MAX_COVERS = 4  # images of a batch in the list

# ------------------------------------------------------------------------ submitting


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """Show and submit the form of a batch, with the references in the tray. A post with `estimate`
    only returns the price."""
    require_creator_somewhere(request)
    roles = tray.roles(request.session)
    if request.method != "POST":
        return _form(
            request, MatrixForm(initial=_initial(request), person=request.user, roles=roles)
        )
    form = MatrixForm(request.POST, person=request.user, roles=roles)
    estimated: BatchEstimate | None = None
    existing: list[reuse.PastResult] = []
    if form.is_valid():
        try:
            if "estimate" not in request.POST:
                batch = submit_batch(person=request.user, key=form.key(), **form.arguments())
                return redirect("batch", pk=batch.pk)
            estimated, existing = _estimate(form), _existing(request, form)
        except NotAllowed:
            raise
        except ProblemError as error:
            form.add_error(None, error.message)
    if request.htmx and "estimate" in request.POST:
        context = {"form": form, "estimated": estimated, "before": existing}
        return render(request, "generation/_matrix_estimate.html", context)
    return _form(request, form, estimated, existing, status=400 if form.errors else 200)


def _initial(request: PageRequest) -> dict[str, Any]:
    """Return the initial fields of the form of a batch: those in the query string, else defaults
    for the first model."""
    first = next(iter(catalog.available_models()), None)
    defaults = {
        "kind": Batch.Kind.PRODUCTS,
        "model": first.pk if first else "",
        "aspect_ratio": first.aspect_ratios[0] if first else "",
        "image_size": first.image_sizes[0] if first and first.image_sizes else "",
        "count": 1,
    }
    return {**defaults, **request.GET.dict()}


def _estimate(form: MatrixForm) -> BatchEstimate:
    arguments = form.arguments()
    names = ("matrix", "model", "image_size", "count")
    return estimate_batch(**{name: arguments[name] for name in names})


def _existing(request: PageRequest, form: MatrixForm) -> list[reuse.PastResult]:
    arguments = form.arguments()
    matrix = arguments["matrix"]
    specs = [
        reuse.RequestSpec(
            brand=arguments["brand"],
            aspect_ratio=arguments["aspect_ratio"],
            prompt=cell.prompt,
            references=cell.references,
            roles=cell.roles,
            preset_version=matrix.preset_version,
            variables=cell.variables,
        )
        for cell in matrix.cells()
    ]
    return reuse.find_existing_many(person=request.user, specs=specs)


def _form(
    request: PageRequest,
    form: MatrixForm,
    estimated: BatchEstimate | None = None,
    existing: list[reuse.PastResult] | None = None,
    status: int = 200,
) -> HttpResponse:
    models = catalog.available_models()
    pictures = tray.assets(request.user, request.session)
    given = request.POST if form.is_bound else request.GET
    visible_items = Count("items", filter=Q(items__asset__in=permissions.assets(request.user)))
    ticked = given.getlist("base") or [str(each.pk) for each in pictures[:1]]
    context = {
        "form": form,
        "models": models,
        "ratios": list(dict.fromkeys(ratio for entry in models for ratio in entry.aspect_ratios)),
        "sizes": list(dict.fromkeys(size for entry in models for size in entry.image_sizes)),
        "counts": COUNTS,
        "brands": list(permissions.brands(request.user, *permissions.EDITORS)),
        "collections": list(permissions.collections(request.user).annotate(size=visible_items)),
        "kinds": Batch.Kind.choices,
        "presets": _presets(request),
        "tray": pictures,
        "ticked": ticked,
        "most": MAX_CELLS,
        "estimated": estimated,
        "before": existing,
        "token": uuid.uuid4(),
    }
    return render(request, "generation/batch_new.html", context, status=status)


def _presets(request: PageRequest) -> list[tuple[Preset, str]]:
    """Return the presets on offer to the user, each with the names of its variables."""
    newest = PresetVersion.objects.order_by("preset_id", "-number").distinct("preset_id")
    versions = {version.preset_id: version for version in newest}
    return [
        (preset, ", ".join(each["name"] for each in versions[preset.pk].variables))
        for preset in presets.offered_presets(request.user).order_by("position", "name")
    ]


# ------------------------------------------------------------------------ pages


@login_required
@require_safe
def batch_list(request: PageRequest) -> HttpResponse:
    rows = visible_batches(request).order_by("-pk")
    if (before := parse_id(request.GET.get("before", ""))) is not None:
        rows = rows.filter(pk__lt=before)
    cells = visible_generations(request).prefetch_related("takes")
    page = list(rows.prefetch_related(Prefetch("generations", cells))[:PER_PAGE])
    context = {
        "batches": [
            (batch, batch_progress(batch.generations.all()), _covers(batch)) for batch in page
        ],
        "more": f"?before={page[-1].pk}" if len(page) == PER_PAGE else "",
    }
    return render(request, "generation/batches.html", context)


def _covers(batch: Batch) -> list[Any]:
    arrived = (o.asset for each in batch.generations.all() for o in each.outputs.all() if o.asset)
    return [asset for _, asset in zip(range(MAX_COVERS), arrived, strict=False)]


@login_required
@require_safe
def batch(request: PageRequest, pk: int) -> HttpResponse:
    """Show the page of a batch; `?show=` kept, undecided or rejected filters its images."""
    return render(request, "generation/batch.html", _batch(request, pk))


@login_required
@require_safe
def progress(request: PageRequest, pk: int) -> HttpResponse:
    """Return a fragment with the cells of a batch that changed since the page was rendered, or
    status 204 if none did.

    The query string has one `m` for each hash that the page shows: that of its head (`_mark`), then
    those of its cells in order (`OutputGrid.mark`).
    """
    context, rendered = _batch(request, pk), request.GET.getlist("m")
    cells: list[OutputGrid] = context["cells"]
    marks = [context["mark"], *(cell.mark for cell in cells)]
    if marks == rendered:
        return HttpResponse(status=204)
    known = rendered[1:] if len(rendered) == len(marks) else [""] * len(cells)
    context["changed"] = [
        cell for cell, mark in zip(cells, known, strict=True) if cell.mark != mark
    ]
    response = render(request, "generation/_batch_progress.html", context)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_safe
def choices(request: PageRequest, pk: int) -> HttpResponse:
    """Return a fragment with links to the kept, undecided and rejected images of a batch, each with
    their number."""
    context = _batch(request, pk)
    response = render(request, "generation/_batch_choices.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _batch(request: PageRequest, pk: int) -> dict[str, Any]:
    shown = get_object_or_404(visible_batches(request), pk=pk)
    rows = list(generation_details(request).filter(batch=shown).order_by("pk"))
    choice = request.GET.get("show", "")
    choice = choice if choice in CHOICES else ""
    models = list(EngineModel.objects.filter(pk__in={row.model for row in rows}))
    cells = [output_grid(row, models, choice) for row in rows]
    progress = batch_progress(rows)
    return {
        "batch": shown,
        "cells": cells,
        "choice": choice,
        "choices": _choices(rows, choice),
        "progress": progress,
        "mark": _mark(progress, rows, shown),
        "several": any(len(cell.outputs) + len(cell.waiting) > 1 for cell in cells),
        "nothing_chosen": bool(choice) and not any(cell.outputs for cell in cells),
        "model": ", ".join(model.label for model in models),
        "may_create": permissions.can_edit(request.user, shown.brand),
        "reasons": verdicts.REASONS,
        "next": reverse("batch", args=[pk]) + (f"?show={choice}" if choice else ""),
        "kept": [o.asset for row in rows for o in row.outputs.all() if o.verdict == "kept"],
        "collections": shown.brand.collections.all(),
        "tray_most": tray.MAX_REFERENCES,
    }


def _choices(rows: list[Generation], choice: str) -> list[tuple[str, str, int, bool]]:
    counts = Counter(
        output.verdict or UNDECIDED for row in rows for output in row.outputs.all() if output.asset
    )
    everything = [("", "All", counts.total(), not choice)]
    return everything + [
        (value, label, counts[value], value == choice) for value, label in CHOICES.items()
    ]


def _mark(progress: BatchProgress, rows: list[Generation], batch: Batch) -> str:
    """Return a hash of what the head of a batch's page shows, by which `progress` finds changes."""
    stopping = sum(row.cancel_requested for row in rows)
    orders = [(job.state, job.reason, job.polled_at) for job in batch.jobs.all()]
    return hashlib.sha256(repr((progress, stopping, orders)).encode()).hexdigest()[:8]


# ------------------------------------------------------------------------ actions


@login_required
@require_POST
def stop(request: PageRequest, pk: int) -> HttpResponse:
    stop_batch(person=request.user, batch=get_object_or_404(visible_batches(request), pk=pk))
    return redirect("batch", pk=pk)


@login_required
@require_POST
def retry(request: PageRequest, pk: int) -> HttpResponse:
    stopped = get_object_or_404(visible_batches(request), pk=pk)
    again = retry_batch(person=request.user, batch=stopped)
    messages.success(request, f"{again} queued again.")
    return redirect("batch", pk=pk)
