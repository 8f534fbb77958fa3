"""One generation: followed, cancelled, tried again."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from assetbank import access
from assetbank.views import PageRequest
from generation import engines, studio, tray
from generation.models import Generation
from generation.views.seen import generation_of, require_creator_somewhere


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
    require_creator_somewhere(request)
    used = [row.asset.pk for row in generation_of(request, pk).reference_rows.all() if row.asset]
    tray.put(request.session, used)
    return redirect(f"{reverse('studio')}?from={pk}")


@login_required
@require_POST
def cancel(request: PageRequest, pk: int) -> HttpResponse:
    studio.cancel(person=request.user, generation=generation_of(request, pk))
    return redirect("generation", pk=pk)


@login_required
@require_POST
def retry(request: PageRequest, pk: int) -> HttpResponse:
    studio.retry(person=request.user, generation=generation_of(request, pk))
    return redirect("generation", pk=pk)


def _follow(request: PageRequest, pk: int) -> dict[str, Any]:
    shown = generation_of(request, pk)
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
