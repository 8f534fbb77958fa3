"""The studio: asking for pictures."""

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
from generation.views.querysets import generations, require_creator_somewhere


class Shape(NamedTuple):
    """An aspect ratio as it is drawn on its button: a rectangle in a box of 24."""

    value: str
    x: float
    y: float
    width: float
    height: float


class Blank(NamedTuple):
    """A preset's variable as a field."""

    name: str
    label: str
    value: str


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def make(request: PageRequest) -> HttpResponse:
    """The studio as it was left. `?from=<generation>` starts from what was asked then, with the
    references that are in the tray; `?prompt=` and `?preset=` put in these."""
    require_creator_somewhere(request)
    if request.method == "POST":
        return _request(request)
    left = form_state.saved_fields(request.session)
    before = left.get("model", "")
    if (pk := parse_id(request.GET.get("from", ""))) is not None:
        past = get_object_or_404(generations(request), pk=pk)
        left, before = form_state.from_generation(past), past.model
    if words := request.GET.get("prompt", "")[:MAX_PROMPT_LENGTH]:
        left["prompt"] = words
    if preset := request.GET.get("preset", "")[:80]:
        left["preset"] = preset
    brands = list(permissions.brands(request.user, *permissions.EDITORS))
    references = tray.assets(request.user, request.session)
    form = StudioForm(initial=defaults(brands, left, references), person=request.user)
    return _studio(request, form, left, retired=catalog.retirement_notice(before))


@login_required
@require_POST
def show_preset(request: PageRequest) -> HttpResponse:
    """The fields of the preset that is chosen in the form; references without a role get one, and
    lose those that another preset gave them."""
    require_creator_somewhere(request)
    given = {name: str(value) for name, value in request.POST.items()}
    shown = preset_fields(request, given)
    if "preset_problem" not in shown:
        with tray.locked_session(request.session) as request.session:
            give_roles(request, shown.get("version"))
        shown |= {"with_references": True, **tray_context(request)}
    return render(request, "generation/_preset.html", shown)


def give_roles(request: PageRequest, version: PresetVersion | None) -> None:
    """As the preset asks for them, to the references in the tray for which nobody chose one."""
    there = tray.ids(request.session)
    chosen = tray.chosen_roles(request.session)
    roles = [chosen.get(pk, "") for pk in there]
    assigned = presets.assign_roles(version, roles) if version else roles
    tray.apply_preset_roles(request.session, dict(zip(there, assigned, strict=True)))


def preset_fields(request: PageRequest, given: dict[str, str]) -> dict[str, Any]:
    """What `_preset.html` shows for the fields of a form; nothing where no preset is chosen."""
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
            Blank(
                each["name"],
                presets.label(each),
                given.get(f"{form_state.VAR_PREFIX}{each['name']}") or each.get("default", ""),
            )
            for each in version.variables
        ],
        "used": Generation.objects.filter(preset_version__preset=version.preset).count(),
    }


def chosen_version(request: PageRequest, given: dict[str, str]) -> PresetVersion | None:
    """Raises InvalidRequest where the preset is not on offer (any more)."""
    slug, _, number = given.get("preset", "").partition(":")
    if not slug:
        return None
    brands = permissions.brands(request.user, *permissions.EDITORS)
    brand = brands.filter(slug=given.get("brand", "").replace("\0", "")).first() or brands.first()
    assert brand  # a creator somewhere
    return presets.choose_version(request.user, brand, slug, parse_id(number))


def _request(request: PageRequest) -> HttpResponse:
    given = {name: str(value) for name, value in request.POST.items()}
    form_state.save_fields(request.session, given)
    form = StudioForm(request.POST, person=request.user)
    if form.is_valid():
        try:
            asked, key = form.asked(), form.key()
            if "anyway" not in request.POST and not _sent_before(key):
                found = reuse.find_existing(person=request.user, wanted=wanted(asked), near=False)
                if found.same or found.waiting:
                    return _made_before(request, found)
            made = submit(person=request.user, key=key, **asked)
        except NotAllowed:
            raise
        except ProblemError as error:
            form.add_error(None, error.message)
        else:
            form_state.clear_undo(request.session)
            return redirect("generation", pk=made.pk)
    return _studio(request, form, given, status=400)


def wanted(asked: dict[str, Any]) -> reuse.RequestSpec:
    """Of what a valid form asks for, the part that tells one picture from another."""
    names = reuse.RequestSpec.__dataclass_fields__
    return reuse.RequestSpec(**{name: value for name, value in asked.items() if name in names})


def _sent_before(key: uuid.UUID | None) -> bool:
    """A second click on the same button: it finds what the first one asked for."""
    return key is not None and Generation.objects.filter(key=key).exists()


def _made_before(request: PageRequest, found: reuse.Existing) -> HttpResponse:
    given = [(name, value) for name, values in request.POST.lists() for value in values]
    context = {
        "already": found,
        "given": [pair for pair in given if pair[0] not in ("csrfmiddlewaretoken", "asset")],
    }
    return render(request, "generation/existing.html", context)


def _studio(
    request: PageRequest,
    form: StudioForm,
    given: dict[str, str],
    *,
    retired: str = "",
    status: int = 200,
) -> HttpResponse:
    models = catalog.available_models()
    ratios = dict.fromkeys(ratio for entry in models for ratio in entry.aspect_ratios)
    sizes = dict.fromkeys(size for entry in models for size in entry.image_sizes)
    brands = list(permissions.brands(request.user, *permissions.EDITORS))
    preset = {"brand": brands[0].slug, **given, "preset": form["preset"].value() or ""}
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
            for each in presets.offered(request.user).select_related("brand")
            if each.brand is None or each.brand in brands
        ],
        **preset_fields(request, preset),
        **tray_context(request),
        "token": uuid.uuid4(),
    }
    return render(request, "generation/studio.html", context, status=status)


def tray_context(request: PageRequest) -> dict[str, Any]:
    """What the list of references shows."""
    roles = tray.roles(request.session)
    references = tray.assets(request.user, request.session)
    for asset in references:
        asset.role = roles.get(asset.pk, "")  # type: ignore[attr-defined]
    return {"tray": references, "most": tray.MAX_REFERENCES, "roles": Role.choices}


def _shape(ratio: str) -> Shape:
    across, _, down = ratio.partition(":")
    width, height = float(across), float(down or 1)
    scale = 20 / max(width, height)
    width, height = max(3.0, round(width * scale, 1)), max(3.0, round(height * scale, 1))
    return Shape(ratio, round(12 - width / 2, 1), round(12 - height / 2, 1), width, height)
