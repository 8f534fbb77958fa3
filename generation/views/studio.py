"""The studio: the form that requests images."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from assetbank import permissions
from assetbank.errors import NotAllowed, ProblemError
from assetbank.http import PageRequest
from assetbank.text import parse_id
from generation.composer import form_state, reuse, tray
from generation.engines import catalog
from generation.errors import InvalidRequest
from generation.forms import COUNTS, StudioForm, defaults
from generation.models import Generation, PresetVersion, Role
from generation.pipeline import MAX_PROMPT_LENGTH, submit
from generation.prompting import presets
from generation.views.querysets import require_creator_somewhere, visible_generations


class Shape(NamedTuple):
    """An aspect ratio as its button shows it: a rectangle in a box of 24 by 24."""

    value: str
    x: float
    y: float
    width: float
    height: float


class VariableField(NamedTuple):
    """A variable of a preset as a form field."""

    name: str
    label: str
    value: str


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def studio(request: PageRequest) -> HttpResponse:
    """Show the studio with its saved fields, or submit its form.

    `?from=<generation>` sets the fields of that generation, and keeps the references in the tray;
    `?prompt=` and `?preset=` set these fields."""
    require_creator_somewhere(request)
    if request.method == "POST":
        return _submit(request)
    fields = form_state.saved_fields(request.session)
    model = fields.get("model", "")
    if (pk := parse_id(request.GET.get("from", ""))) is not None:
        past = get_object_or_404(visible_generations(request), pk=pk)
        fields, model = form_state.from_generation(past), past.model
    if words := request.GET.get("prompt", "")[:MAX_PROMPT_LENGTH]:
        fields["prompt"] = words
    if preset := request.GET.get("preset", "")[:80]:
        fields["preset"] = preset
    brands = list(permissions.brands(request.user, *permissions.EDITORS))
    references = tray.assets(request.user, request.session)
    form = StudioForm(initial=defaults(brands, fields, references), person=request.user)
    return _studio(request, form, fields, retired=catalog.retired_sentence(model))


@login_required
@require_POST
def show_preset(request: PageRequest) -> HttpResponse:
    """Return the fields of the preset that is selected in the form. References for which the user
    chose no role get the preset's, and lose those of another preset."""
    require_creator_somewhere(request)
    given = {name: str(value) for name, value in request.POST.items()}
    shown = preset_fields(request, given)
    if "preset_problem" not in shown:
        with tray.locked_session(request.session) as request.session:
            assign_preset_roles(request, shown.get("version"))
        shown |= {"with_references": True, **tray_context(request)}
    return render(request, "generation/_preset.html", shown)


def assign_preset_roles(request: PageRequest, version: PresetVersion | None) -> None:
    """Give references in the tray for which the user chose no role those that the preset needs."""
    pks = tray.selected_ids(request.session)
    chosen = tray.chosen_roles(request.session)
    roles = [chosen.get(pk, "") for pk in pks]
    assigned = presets.assign_roles(version, roles) if version else roles
    tray.apply_preset_roles(request.session, dict(zip(pks, assigned, strict=True)))


def preset_fields(request: PageRequest, given: dict[str, str]) -> dict[str, Any]:
    """Return the context of `_preset.html` for the fields of a form; {} without a preset."""
    try:
        version = chosen_version(request, given)
    except InvalidRequest as error:
        return {"preset_problem": error.message}
    if version is None:
        return {}
    return {
        "version": version,
        "asks": presets.required_roles(version),
        "blanks": [
            VariableField(
                each["name"],
                presets.variable_label(each),
                given.get(f"{form_state.VAR_PREFIX}{each['name']}") or each.get("default", ""),
            )
            for each in version.variables
        ],
        "used": Generation.objects.filter(preset_version__preset=version.preset).count(),
    }


def chosen_version(request: PageRequest, given: dict[str, str]) -> PresetVersion | None:
    """Return the version of the preset in the fields of a form, or None without a preset. Raises
    InvalidRequest if it is not available."""
    slug, _, number = given.get("preset", "").partition(":")
    if not slug:
        return None
    brands = permissions.brands(request.user, *permissions.EDITORS)
    brand = brands.filter(slug=given.get("brand", "").replace("\0", "")).first() or brands.first()
    assert brand  # the user may create in some brand
    return presets.choose_version(request.user, brand, slug, parse_id(number))


def _submit(request: PageRequest) -> HttpResponse:
    given = {name: str(value) for name, value in request.POST.items()}
    form_state.save_fields(request.session, given)
    form = StudioForm(request.POST, person=request.user)
    if form.is_valid():
        try:
            arguments, key = form.arguments(), form.key()
            if "anyway" not in request.POST and not _is_repeated(key):
                spec = request_spec(arguments)
                existing = reuse.find_existing(person=request.user, spec=spec, near=False)
                if existing.same or existing.waiting:
                    return _confirm(request, existing)
            generation = submit(person=request.user, key=key, **arguments)
        except NotAllowed:
            raise
        except ProblemError as error:
            form.add_error(None, error.message)
        else:
            form_state.clear_undo(request.session)
            return redirect("generation", pk=generation.pk)
    return _studio(request, form, given, status=400)


def request_spec(arguments: dict[str, Any]) -> reuse.RequestSpec:
    """Return the RequestSpec of keyword arguments of `submit`."""
    names = reuse.RequestSpec.__dataclass_fields__
    return reuse.RequestSpec(**{name: value for name, value in arguments.items() if name in names})


def _is_repeated(key: uuid.UUID | None) -> bool:
    """Return True if a generation with this idempotency key exists: after a second click on the
    same button, `submit` returns the generation of the first."""
    return key is not None and Generation.objects.filter(key=key).exists()


def _confirm(request: PageRequest, existing: reuse.Existing) -> HttpResponse:
    """Show the existing results of the same request, and ask whether to generate nevertheless."""
    posted = [(name, value) for name, values in request.POST.lists() for value in values]
    context = {
        "already": existing,
        "given": [pair for pair in posted if pair[0] not in ("csrfmiddlewaretoken", "asset")],
    }
    return render(request, "generation/existing.html", context)


def _studio(
    request: PageRequest,
    form: StudioForm,
    fields: dict[str, str],
    *,
    retired: str = "",
    status: int = 200,
) -> HttpResponse:
    models = catalog.available_models()
    ratios = dict.fromkeys(ratio for entry in models for ratio in entry.aspect_ratios)
    sizes = dict.fromkeys(size for entry in models for size in entry.image_sizes)
    brands = list(permissions.brands(request.user, *permissions.EDITORS))
    preset = {"brand": brands[0].slug, **fields, "preset": form["preset"].value() or ""}
    context = {
        "form": form,
        "models": models,
        "chosen_model": catalog.default_model_for(str(form["model"].value() or "")),
        "retired": retired,
        "shapes": [_shape(ratio) for ratio in ratios],
        "sizes": list(sizes),
        "counts": COUNTS,
        "brands": brands,
        "only_sketch": all(entry.engine == "sketch" for entry in models),
        "recalled": form_state.restored_from(request.session),
        "presets": [
            each
            for each in presets.offered_presets(request.user).select_related("brand")
            if each.brand is None or each.brand in brands
        ],
        **preset_fields(request, preset),
        **tray_context(request),
        "token": uuid.uuid4(),
    }
    return render(request, "generation/studio.html", context, status=status)


def tray_context(request: PageRequest) -> dict[str, Any]:
    """Return the template context of the studio's list of references."""
    roles = tray.roles(request.session)
    references = tray.assets(request.user, request.session)
    for asset in references:
        asset.role = roles.get(asset.pk, "")  # type: ignore[attr-defined]
    return {"tray": references, "most": tray.MAX_REFERENCES, "roles": Role.choices}


def _shape(ratio: str) -> Shape:
    x, _, y = ratio.partition(":")
    width, height = float(x), float(y or 1)
    scale = 20 / max(width, height)
    width, height = max(3.0, round(width * scale, 1)), max(3.0, round(height * scale, 1))
    return Shape(ratio, round(12 - width / 2, 1), round(12 - height / 2, 1), width, height)
