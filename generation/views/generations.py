"""Page of one generation: follow, cancel and retry it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from assetbank import permissions
from assetbank.http import PageRequest
from generation.billing import ledger, savings
from generation.models import EngineModel, Generation
from generation.pipeline import cancel_generation, retry_generation
from generation.prompting import presets
from generation.review import verdicts
from generation.views.output_grid import output_grid
from generation.views.querysets import generation_of


@login_required
@require_safe
def generation(request: PageRequest, pk: int) -> HttpResponse:
    return render(request, "generation/generation.html", _context(request, pk))


@login_required
@require_safe
def generation_state(request: PageRequest, pk: int) -> HttpResponse:
    """Return the fragment with the state of a generation, or status 204 if it still has the hash
    `m` that the page shows."""
    context = _context(request, pk)
    if request.GET.get("m") == context["shown"].mark:
        return HttpResponse(status=204)  # unchanged: the page keeps what it shows
    response = render(request, "generation/_state.html", context)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def cancel(request: PageRequest, pk: int) -> HttpResponse:
    cancel_generation(person=request.user, generation=generation_of(request, pk))
    return redirect("generation", pk=pk)


@login_required
@require_POST
def retry(request: PageRequest, pk: int) -> HttpResponse:
    retry_generation(person=request.user, generation=generation_of(request, pk))
    return redirect("generation", pk=pk)


def _context(request: PageRequest, pk: int) -> dict[str, Any]:
    shown = generation_of(request, pk)
    hidden = any(row.asset_id and not row.asset for row in shown.reference_rows.all())
    takes = shown.ended_takes
    models = list(EngineModel.objects.filter(pk=shown.model))
    return {
        "generation": shown,
        "shown": output_grid(shown, models),
        "heading": presets.generation_heading(shown),
        "blanks": presets.filled_variables(shown),
        "full_prompt": "" if hidden else shown.full_prompt,  # it names the references
        "left_out": [] if hidden else shown.left_out,
        "said": [take.text for take in takes if take.text],
        "seconds": _seconds(shown),
        "cost": ledger.cost_for(request.user, shown),
        "saved": savings.saving_of(shown) if shown.draft_id else 0,
        "versions": sorted({take.model_version for take in takes if take.model_version}),
        "may_create": permissions.can_edit(request.user, shown.brand),
        "reasons": verdicts.REASONS,
        "next": shown.get_absolute_url(),
        "label": models[0].label if models else shown.model,
    }


def _seconds(shown: Generation) -> float | None:
    if shown.started_at is None or shown.finished_at is None:
        return None
    return (shown.finished_at - shown.started_at).total_seconds()
