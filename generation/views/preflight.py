"""Fragments next to the studio's form while a user fills it: suggested references, existing
results, the full prompt, its price, and what is missing."""

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
from generation.views.studio import chosen_version, request_spec


@login_required
@require_POST
def suggest(request: PageRequest) -> HttpResponse:
    """Return a fragment with suggested references for the prompt in the studio's form."""
    require_creator_somewhere(request)
    brands = permissions.brands(request.user, *permissions.EDITORS)
    slug = request.POST.get("brand", "").replace("\0", "")
    brand = brands.filter(slug=slug).first() or brands.first()
    assert brand  # the user may create in some brand
    prompt = ", ".join([request.POST.get("prompt", ""), *_own_values(request)]).strip(" ,")
    found = suggestions.suggest_references(
        person=request.user, brand=brand, prompt=prompt, taken=tray.selected_ids(request.session)
    )
    context = {
        "suggestions": found,
        "written": bool(prompt),
        "full": len(tray.selected_ids(request.session)) >= tray.MAX_REFERENCES,
    }
    return _fragment(request, "generation/_suggestions.html", context)


def _own_values(request: PageRequest) -> list[str]:
    """Return the user's values for the variables of the preset, as words for the suggestions.
    Defaults and the preset's template, which are mostly about light and framing, would only blur
    the suggestions."""
    given = {name: str(value) for name, value in request.POST.items()}
    try:
        version = chosen_version(request, given)
    except InvalidRequest:
        return []
    variables = version.variables if version else []
    values = [(given.get(f"{form_state.VAR_PREFIX}{each['name']}", ""), each) for each in variables]
    return [value for value, each in values if value != each.get("default", "")]


@login_required
@require_POST
def preflight(request: PageRequest) -> HttpResponse:
    """Return a fragment with hints, the full prompt, existing results and the price for the
    studio's form; save the form's fields in the session."""
    require_creator_somewhere(request)
    given = {name: str(value) for name, value in request.POST.items()}
    form_state.save_fields_now(request.session, given)
    form = StudioForm(request.POST, person=request.user)
    context: dict[str, Any] = {"hints": [], "preview": "", "already": reuse.Existing()}
    form.is_valid()
    try:
        context |= _preflight(request, form)
    except ProblemError as error:
        context["hints"] = [error.message]
    return _fragment(request, "generation/_preflight.html", context)


def _preflight(request: PageRequest, form: StudioForm) -> dict[str, Any]:
    references, roles = form.references(), form.roles()
    hints = [problem for each in references if (problem := terms.usage_problem(each, derive=True))]
    problem = inheritance.no_common_territory(references)
    hints += [problem] if problem else []
    limits = "" if hints else inheritance.terms_preview(references)
    if form.version:
        hints += presets.reference_problems(
            form.version, [roles.get(each.pk, "") for each in references]
        )
    if not form.is_valid():
        untouched = not request.POST.get("prompt", "").strip() and not request.POST.get("preset")
        errors = [] if untouched else [error for each in form.errors.values() for error in each]
        quote = _quote(request, form.cleaned_data, references=len(references))
        return {"hints": hints + errors, "quote": quote, "limits": limits}
    arguments = form.arguments()
    model = catalog.get_model(arguments["model"])
    hints += [quota] if (quota := quotas.quota_problem(model.id)) else []
    composed = compose.compose_prompt(
        prompt=arguments["prompt"],
        brand=arguments["brand"],
        references=[
            compose.NamedReference(each.display_title, roles.get(each.pk, ""))
            for each in references
        ],
        model=model,
        rules=brand_rules.brand_rules_of(arguments["brand"]),
    )
    return {
        "hints": hints + list(composed.left_out),
        "limits": limits,
        "preview": composed.text,
        "already": reuse.find_existing(person=request.user, spec=request_spec(arguments)),
        "quote": _quote(request, arguments, references=len(composed.sent), prompt=composed.text),
    }


def _quote(
    request: PageRequest, arguments: dict[str, Any], *, references: int, prompt: str = ""
) -> caps.Quote | None:
    """Return the price of what the studio's form describes; None while its brand, model or count is
    missing or invalid."""
    if not {"brand", "model", "count"} <= arguments.keys():
        return None
    return caps.quote(
        person=request.user,
        brand=arguments["brand"],
        model=catalog.get_model(arguments["model"]),
        size=arguments.get("image_size", ""),
        count=arguments["count"],
        references=references,
        prompt=prompt,
    )


@login_required
@require_POST
def use_existing(request: PageRequest) -> HttpResponse:
    """Use the existing `asset` instead of generating what the form describes."""
    require_creator_somewhere(request)
    pk = parse_id(request.POST.get("asset", ""))
    asset: Asset = get_object_or_404(permissions.assets(request.user), pk=pk)
    form = StudioForm(request.POST, person=request.user)
    if form.is_valid():
        try:
            _record_use(request, form, asset)
        except InvalidRequest as error:
            messages.error(request, error.message)
            return redirect("studio")
        except GenerationError:
            pass  # the avoided price is unknown, but the asset can be used
    return redirect(asset)


def _record_use(request: PageRequest, form: StudioForm, asset: Asset) -> None:
    arguments = form.arguments()
    entry = reuse.reuse_asset(
        person=request.user,
        spec=request_spec(arguments),
        asset=asset,
        model=arguments["model"],
        image_size=arguments["image_size"],
        count=arguments["count"],
    )
    saved = f" About ${entry.usd:.2f} was saved." if entry.usd >= 0.005 else ""
    messages.success(request, f"Existing asset used.{saved}")


def _fragment(request: PageRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    return response
