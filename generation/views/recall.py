"""Past generations back into the studio."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from assetbank.views import PageRequest
from generation import desk
from generation.views.seen import generation_of, require_creator_somewhere


@login_required
@require_POST
def again(request: PageRequest, pk: int) -> HttpResponse:
    """`part`: one of desk.PARTS, else all of them; what else is set in the studio stays."""
    require_creator_somewhere(request)
    part = request.POST.get("part", "")
    parts = (part,) if part in desk.PARTS else desk.PARTS
    desk.recall(request.session, generation_of(request, pk), parts)
    return redirect("studio")


@login_required
@require_POST
def undo(request: PageRequest) -> HttpResponse:
    require_creator_somewhere(request)
    desk.undo(request.session)
    return redirect("studio")


@login_required
@require_POST
def clear(request: PageRequest) -> HttpResponse:
    require_creator_somewhere(request)
    desk.clear(request.session)
    return redirect("studio")
