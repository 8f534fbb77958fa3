"""Verdicts of users on outputs, and finals of drafts."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from assetbank import permissions
from assetbank.errors import NotAllowed, ProblemError
from assetbank.http import PageRequest
from generation.engines import catalog
from generation.models import Output
from generation.review import verdicts
from generation.views.querysets import visible_outputs
from generation.workflows import finalise


@login_required
@require_POST
def decide(request: PageRequest, pk: int, verdict: str) -> HttpResponse:
    """Set the user's verdict on an output: keep it, reject it (for the posted `reason`, `words`, or
    both), or clear the verdict (`undecide`)."""
    if verdict not in ("keep", "reject", "undecide"):
        raise Http404
    output, problem = get_object_or_404(visible_outputs(request), pk=pk), ""
    try:
        if verdict == "reject":
            reasons = (request.POST.get("reason", ""), request.POST.get("words", "").strip())
            reason = ": ".join(filter(None, reasons))
            verdicts.reject(person=request.user, output=output, reason=reason)
        else:
            verb = verdicts.keep if verdict == "keep" else verdicts.clear_verdict
            verb(person=request.user, output=output)
    except ProblemError as error:
        if isinstance(error, NotAllowed) or not request.htmx:
            raise
        problem = error.message
    if not request.htmx:
        return _back(request, output)
    context = {
        "output": get_object_or_404(visible_outputs(request), pk=pk),
        "may_create": True,
        "reasons": verdicts.REASONS,
        "problem": problem,
        "next": request.POST.get("next", ""),  # the page, and not this fragment
    }
    response = render(request, "generation/_verdict.html", context, status=400 if problem else 200)
    if not problem:
        response["HX-Trigger"] = "chosen"  # The counts next to the filters have changed
    return response


@login_required
@require_POST
def finalise_output(request: PageRequest, pk: int) -> HttpResponse:
    """Submit the final of a draft at the posted `image_size`. For htmx, return the draft's list of
    larger sizes, with the problem if there is one."""
    output = get_object_or_404(visible_outputs(request), pk=pk)
    problem, size = "", request.POST.get("image_size", "")
    try:
        final = finalise.finalise_draft(person=request.user, output=output, image_size=size)
    except ProblemError as error:
        if isinstance(error, NotAllowed) or not request.htmx:
            raise
        problem = error.message
    if not request.htmx:
        return redirect("generation", pk=final.pk)
    context = {
        "output": output,
        "steps": finalise.larger_sizes(
            catalog.find_model(output.generation.model), output.generation.image_size
        ),
        "may_create": permissions.can_edit(request.user, output.generation.brand),
        "problem": problem,
    }
    return render(request, "generation/_finals.html", context, status=400 if problem else 200)


def _back(request: PageRequest, output: Output) -> HttpResponse:
    """Redirect to the posted address `next`, if it is on this host, else to the generation."""
    after = request.POST.get("next", "")
    is_local = url_has_allowed_host_and_scheme(
        after, {request.get_host()}, require_https=request.is_secure()
    )
    return redirect(after if is_local else output.generation.get_absolute_url())
