"""What stands beside the studio's form while somebody fills it: suggested references, what there is
already, what a model would read, and what is missing."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from assetbank import permissions
from assetbank.errors import ProblemError
from assetbank.http import PageRequest
from assetbank.models import Asset
from assetbank.rights import terms
from assetbank.text import parse_id
from generation.billing import caps
from generation.composer import form_state, reuse, suggestions, tray
from generation.engines import catalog, quotas
from generation.errors import GenerationError, InvalidRequest
from generation.forms import StudioForm
from generation.lineage import inheritance
from generation.prompting import brand_rules, compose, presets
from generation.views.querysets import require_creator_somewhere
from generation.views.studio import chosen_version, wanted


@login_required
@require_POST
def suggested(request: PageRequest) -> HttpResponse:
    """References for the form as it stands."""
    require_creator_somewhere(request)
    brands = permissions.brands(request.user, *permissions.EDITORS)
    slug = request.POST.get("brand", "").replace("\0", "")
    brand = brands.filter(slug=slug).first() or brands.first()
    assert brand  # a creator somewhere
    about = ", ".join([request.POST.get("prompt", ""), *_written(request)]).strip(" ,")
    found = suggestions.suggest_references(
        person=request.user, brand=brand, prompt=about, taken=tray.ids(request.session)
    )
    context = {
        "suggestions": found,
        "written": bool(about),
        "full": len(tray.ids(request.session)) >= tray.MAX_REFERENCES,
    }
    return _fragment(request, "generation/_suggestions.html", context)


def _written(request: PageRequest) -> list[str]:
    """What somebody wrote into the blanks of the preset: its own words are about light and
    framing."""
    given = {name: str(value) for name, value in request.POST.items()}
    try:
        version = chosen_version(request, given)
    except InvalidRequest:
        return []
    blanks = version.variables if version else []
    written = [(given.get(f"{form_state.VAR_PREFIX}{each['name']}", ""), each) for each in blanks]
    return [value for value, each in written if value != each.get("default", "")]


@login_required
@require_POST
def beside(request: PageRequest) -> HttpResponse:
    """Everything else; what the form says is kept for when the person comes back."""
    require_creator_somewhere(request)
    given = {name: str(value) for name, value in request.POST.items()}
    form_state.save_beside(request.session, given)
    form = StudioForm(request.POST, person=request.user)
    context: dict[str, Any] = {"hints": [], "preview": "", "already": reuse.Existing()}
    form.is_valid()
    try:
        context |= _looked_at(request, form)
    except ProblemError as error:
        context["hints"] = [error.message]
    return _fragment(request, "generation/_preflight.html", context)


def _looked_at(request: PageRequest, form: StudioForm) -> dict[str, Any]:
    references, roles = form.references(), form.roles()
    hints = [problem for each in references if (problem := terms.usage_problem(each, derive=True))]
    nowhere = inheritance.no_common_territory(references)
    hints += [nowhere] if nowhere else []
    limits = "" if hints else inheritance.terms_preview(references)
    if form.version:
        hints += presets.missing(form.version, [roles.get(each.pk, "") for each in references])
    if not form.is_valid():
        unwritten = not request.POST.get("prompt", "").strip() and not request.POST.get("preset")
        errors = [] if unwritten else [error for each in form.errors.values() for error in each]
        quote = _quote(request, form.cleaned_data, references=len(references))
        return {"hints": hints + errors, "quote": quote, "limits": limits}
    asked = form.asked()
    model = catalog.get_model(asked["model"])
    hints += [used_up] if (used_up := quotas.quota_problem(model.id)) else []
    composed = compose.compose_prompt(
        prompt=asked["prompt"],
        brand=asked["brand"],
        references=[
            compose.NamedReference(each.title, roles.get(each.pk, "")) for each in references
        ],
        model=model,
        rules=brand_rules.brand_rules_of(asked["brand"]),
    )
    return {
        "hints": hints + list(composed.left_out),
        "limits": limits,
        "preview": composed.text,
        "already": reuse.find_existing(person=request.user, wanted=wanted(asked)),
        "quote": _quote(request, asked, references=len(composed.sent), prompt=composed.text),
    }


def _quote(
    request: PageRequest, asked: dict[str, Any], *, references: int, prompt: str = ""
) -> caps.Quote | None:
    """None where what was chosen has no price yet."""
    if not {"brand", "model", "count"} <= asked.keys():
        return None
    return caps.quote(
        person=request.user,
        brand=asked["brand"],
        model=catalog.get_model(asked["model"]),
        size=asked.get("image_size", ""),
        count=asked["count"],
        references=references,
        prompt=prompt,
    )


@login_required
@require_POST
def take(request: PageRequest) -> HttpResponse:
    """Use an `asset` that is there instead of making what the form asks for."""
    require_creator_somewhere(request)
    pk = parse_id(request.POST.get("asset", ""))
    asset: Asset = get_object_or_404(permissions.assets(request.user), pk=pk)
    form = StudioForm(request.POST, person=request.user)
    if form.is_valid():
        try:
            _taken(request, form, asset)
        except InvalidRequest as error:
            messages.error(request, error.message)
            return redirect("studio")
        except GenerationError:
            pass  # what it would have cost is not known; the picture is there all the same
    return redirect(asset)


def _taken(request: PageRequest, form: StudioForm, asset: Asset) -> None:
    asked = form.asked()
    entry = reuse.reuse_asset(
        person=request.user,
        wanted=wanted(asked),
        asset=asset,
        model=asked["model"],
        image_size=asked["image_size"],
        count=asked["count"],
    )
    saved = f" About ${entry.usd:.2f} was not spent." if entry.usd >= 0.005 else ""
    messages.success(request, f"Taken from the library.{saved}")


def _fragment(request: PageRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    return response
