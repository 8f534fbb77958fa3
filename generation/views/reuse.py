"""Reuse of past generations in the studio, its undo, and the reset of the studio."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from assetbank.http import PageRequest
from generation.composer import form_state
from generation.views.querysets import generation_of, require_creator_somewhere, visible_outputs


@login_required
@require_POST
def reuse_generation(request: PageRequest, pk: int) -> HttpResponse:
    """Fill the studio from a past generation: only the posted `part` (one of form_state.PARTS), or
    all parts. The part `turn` opens the edit form of that generation again, and puts its references
    into the tray."""
    require_creator_somewhere(request)
    part, past = request.POST.get("part", ""), generation_of(request, pk)
    before = (
        visible_outputs(request).filter(pk=past.refines_id).first() if past.refines_id else None
    )
    if part == "turn" and before:
        if past.reference_rows.all():
            messages.info(request, form_state.restore_from(request.session, past, ("references",)))
        return redirect(f"{reverse('output-refine', args=[before.pk])}?again={past.pk}")
    parts = (part,) if part in form_state.PARTS else form_state.PARTS
    form_state.restore_from(
        request.session, past, parts, before=before.asset_id if before else None
    )
    return redirect("studio")


@login_required
@require_POST
def undo(request: PageRequest) -> HttpResponse:
    """Undo the last reuse or reset of the studio in this session."""
    require_creator_somewhere(request)
    form_state.undo(request.session)
    return redirect("studio")


@login_required
@require_POST
def clear(request: PageRequest) -> HttpResponse:
    """Reset the studio to an empty form and tray; `undo` brings them back."""
    require_creator_somewhere(request)
    form_state.reset(request.session)
    return redirect("studio")
