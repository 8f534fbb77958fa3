"""The tray: the bar at the bottom of pages, and the studio's list of references."""

from __future__ import annotations

from contextlib import suppress

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from assetbank import permissions
from assetbank.http import PageRequest
from assetbank.rights import terms
from assetbank.text import parse_id
from generation.composer import form_state, tray
from generation.errors import InvalidRequest
from generation.views.querysets import require_creator_somewhere
from generation.views.studio import assign_preset_roles, chosen_version, tray_context


@login_required
@require_safe
def show_tray(request: PageRequest) -> HttpResponse:
    if not permissions.brands(request.user, *permissions.EDITORS).exists():
        return HttpResponse()  # viewers cannot generate
    return _tray(request, in_studio=request.GET.get("where") == "studio")


@login_required
@require_POST
def change_tray(request: PageRequest) -> HttpResponse:
    """Apply one of `add`, `remove`, `earlier`, `later`, `role_of` (each the id of an asset), or
    `clear`. The role itself is posted as `role_<id>`."""
    require_creator_somewhere(request)
    verb, pk = _read_change(request)
    with tray.locked_session(request.session) as request.session:
        problem = _apply(request, verb, pk)
    if problem and not request.htmx:
        messages.error(request, problem)
    if request.htmx:
        return _tray(request, in_studio="in_studio" in request.POST, problem=problem, moved=pk)
    return redirect("studio" if "in_studio" in request.POST or verb == "add" else "library")


def _apply(request: PageRequest, verb: str, pk: int) -> str:
    """Change the tray by `verb`, for the asset `pk`; return a sentence that says why it could not
    be changed, or ""."""
    session, problem = request.session, ""
    if verb == "add":
        asset = get_object_or_404(permissions.assets(request.user), pk=pk)
        if refused := terms.usage_problem(asset, derive=True):
            problem = refused
        elif not tray.add(session, pk):
            maximum = tray.MAX_REFERENCES
            problem = f"The maximum of {maximum} selected images is reached: remove one first."
        _role_from_preset(request)
    elif verb == "remove":
        tray.remove(session, pk)
    elif verb in ("earlier", "later"):
        tray.move(session, pk, -1 if verb == "earlier" else 1)
    elif verb == "role_of":
        tray.set_role(session, pk, request.POST.get(f"role_{pk}", ""))
    elif verb == "clear":
        tray.replace_references(session, [])
    return problem


def _role_from_preset(request: PageRequest) -> None:
    """Give a new reference in the tray the role that the preset selected in the studio still needs,
    if any."""
    with suppress(InvalidRequest):
        if version := chosen_version(request, form_state.saved_fields(request.session)):
            assign_preset_roles(request, version)


def _read_change(request: PageRequest) -> tuple[str, int]:
    for verb in ("add", "remove", "earlier", "later", "role_of", "clear"):
        if verb in request.POST:
            return verb, parse_id(request.POST[verb]) or 0
    return "", 0


def _tray(
    request: PageRequest, *, in_studio: bool, problem: str = "", moved: int = 0
) -> HttpResponse:
    context = {**tray_context(request), "tray_problem": problem, "moved": moved}
    template = "generation/_references.html" if in_studio else "generation/_tray.html"
    # the studio then reloads the suggestions and the preflight for these references
    return trigger_client_event(render(request, template, context), "tray-changed", after="settle")
