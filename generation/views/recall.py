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
def reuse(request: PageRequest, pk: int) -> HttpResponse:
    """Set `part` (one of form_state.PARTS, else all of them) of the studio to that of a generation.
    The part `turn` opens the form for an edit again, with the references in the tray."""
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
    require_creator_somewhere(request)
    form_state.undo(request.session)
    return redirect("studio")


@login_required
@require_POST
def clear(request: PageRequest) -> HttpResponse:
    require_creator_somewhere(request)
    form_state.reset(request.session)
    return redirect("studio")
