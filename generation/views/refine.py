"""Edits of an output by instructions, and the resulting conversation."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assetbank import permissions
from assetbank.errors import NotAllowed, ProblemError
from assetbank.http import PageRequest
from assetbank.text import parse_id
from generation import conversation
from generation.billing import prices
from generation.composer import form_state, tray
from generation.errors import InvalidRequest
from generation.forms import COUNTS, RefineForm
from generation.models import EngineModel, Output
from generation.views.querysets import generation_of, visible_generations, visible_outputs
from generation.workflows import refine


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def refine_output(request: PageRequest, pk: int) -> HttpResponse:
    output = get_object_or_404(visible_outputs(request), pk=pk)
    permissions.require_editor(request.user, output.generation.brand)
    if request.method != "POST":
        return _page(request, output, RefineForm(initial=_initial(request, output)))
    form = RefineForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        with_tray = data["with_tray"]
        try:
            generation = refine.submit_refinement(
                person=request.user,
                output=output,
                words=data["words"],
                image_size=data["image_size"],
                count=data["count"] or 1,
                references=tray.assets(request.user, request.session) if with_tray else (),
                roles=tray.roles(request.session) if with_tray else None,
                key=form.key(request.user, pk),
            )
        except NotAllowed:
            raise
        except ProblemError as error:
            form.add_error(None, error.message)
        else:
            return redirect("generation", pk=generation.pk)
    return _page(request, output, form, status=400)


@login_required
@require_POST
def as_reference(request: PageRequest, pk: int) -> HttpResponse:
    """Open the studio with the image as the first reference, and the instruction as the prompt: for
    outputs that the model cannot edit."""
    output = get_object_or_404(visible_outputs(request), pk=pk)
    permissions.require_editor(request.user, output.generation.brand)
    assert output.asset_id
    others = [each for each in tray.selected_ids(request.session) if each != output.asset_id]
    if len(others) == tray.MAX_REFERENCES:
        messages.info(
            request,
            "The maximum number of references is reached: the last one was replaced by this image.",
        )
    tray.replace_references(request.session, [output.asset_id, *others])
    words = request.POST.get("words", "").strip() or output.generation.prompt
    # not in the query string: servers limit its length to some thousand characters
    form_state.save_fields(
        request.session, {**form_state.saved_fields(request.session), "prompt": words}
    )
    return redirect("studio")


@login_required
@require_safe
def thread(request: PageRequest, pk: int) -> HttpResponse:
    """Return the conversation before a generation, and the edits of its outputs."""
    shown = generation_of(request, pk)
    before = refine.thread(shown.refines, request.user) if shown.refines else []
    edited = Output.objects.filter(generation=shown.pk, refined_in__isnull=False).distinct()
    after = refine.steps(edited, request.user)
    followed = {step.generation.pk for step in before} | {shown.pk}
    context = {"before": before, "after": after, "followed": followed}
    response = render(request, "generation/_thread.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _initial(request: PageRequest, output: Output) -> dict[str, Any]:
    """Return the initial fields of the edit form: those of the earlier edit of `output` whose id is
    in `?again=`, else none."""
    if (pk := parse_id(request.GET.get("again", ""))) is None:
        return {}
    past = get_object_or_404(visible_generations(request), pk=pk, refines=output)
    fields = {name: getattr(past, name) for name in ("image_size", "count")}
    return {**fields, "words": past.prompt, "with_tray": bool(past.reference_rows.all())}


def _page(
    request: PageRequest, output: Output, form: RefineForm, status: int = 200
) -> HttpResponse:
    model = EngineModel.objects.filter(pk=output.generation.model).first()
    thread = refine.thread(output, request.user)
    context: dict[str, Any] = {
        "output": output,
        "generation": output.generation,
        "form": form,
        "thread": thread,
        "followed": {step.generation.pk for step in thread},
        "problem": _problem(output),
        "sizes": _sizes(model, output),
        "counts": COUNTS,
        "tray": tray.assets(request.user, request.session),
        "token": uuid.uuid4(),
    }
    return render(request, "generation/refine.html", context, status=status)


def _problem(output: Output) -> str:
    try:
        refine.validate_refinement(output)
    except InvalidRequest as error:
        return error.message
    return ""


def _sizes(model: EngineModel | None, output: Output) -> list[tuple[str, str]]:
    """Return the image sizes of a model, each with the estimated price of one edited image as text,
    "" if unknown."""
    if model is None:
        return []
    shown = conversation.image_count(output)
    priced = ((s, prices.estimate(model, size=s, references=shown)) for s in model.image_sizes)
    return [(size, prices.format_usd(usd) if usd else "") for size, usd in priced]
