"""One generation: followed, cancelled, tried again."""

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
from generation.views.output_grid import shown
from generation.views.querysets import generation_of


@login_required
@require_safe
def generation(request: PageRequest, pk: int) -> HttpResponse:
    return render(request, "generation/generation.html", _follow(request, pk))


@login_required
@require_safe
def generation_state(request: PageRequest, pk: int) -> HttpResponse:
    context = _follow(request, pk)
    if request.GET.get("m") == context["shown"].mark:
        return HttpResponse(status=204)  # nothing new: what stands there stays
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


def _follow(request: PageRequest, pk: int) -> dict[str, Any]:
    followed = generation_of(request, pk)
    hidden = any(row.asset_id and not row.asset for row in followed.reference_rows.all())
    takes = followed.ended_takes
    models = list(EngineModel.objects.filter(pk=followed.model))
    return {
        "generation": followed,
        "shown": shown(followed, models),
        "heading": presets.heading(followed),
        "blanks": presets.filled(followed),
        "full_prompt": "" if hidden else followed.full_prompt,  # it names the references
        "left_out": [] if hidden else followed.left_out,
        "said": [take.text for take in takes if take.text],
        "seconds": _seconds(followed),
        "cost": ledger.cost_for(request.user, followed),
        "saved": savings.saving_of(followed) if followed.draft_id else 0,
        "versions": sorted({take.model_version for take in takes if take.model_version}),
        "may_create": permissions.can_edit(request.user, followed.brand),
        "reasons": verdicts.REASONS,
        "next": followed.get_absolute_url(),
        "label": models[0].label if models else followed.model,
    }


def _seconds(followed: Generation) -> float | None:
    if followed.started_at is None or followed.finished_at is None:
        return None
    return (followed.finished_at - followed.started_at).total_seconds()
