"""The words every engine shares: what is asked for, what comes back, and which models there are."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from generation.engines.base import DrawRequest
from generation.errors import InvalidRequest, ModelRetired
from generation.models import EngineModel, Role

RETIRES_SOON = datetime.timedelta(days=30)
Engine = EngineModel.Engine


def available_models() -> list[EngineModel]:
    """The models on offer today, in the order of the table.

    Models of Gemini are on offer only where there is a key, or Vertex AI, to reach them with.
    """
    there = EngineModel.objects.filter(offered=True).exclude(retires_on__lte=timezone.localdate())
    return list(there if _gemini_reachable() else there.exclude(engine=Engine.GEMINI))


def get_model(model_id: str) -> EngineModel:
    """The model with that id, if it can be asked today.

    Raises `InvalidRequest`, which names the ones on offer, and `ModelRetired`.
    """
    found = EngineModel.objects.select_related("successor").filter(pk=model_id).first()
    if found and found.retired():
        raise ModelRetired(_retirement(found), successor=successor_of(found))
    if found and found.offered and (found.engine != Engine.GEMINI or _gemini_reachable()):
        return found
    names = ", ".join(entry.id for entry in available_models()) or "none"
    raise InvalidRequest(
        f'There is no model "{model_id}". Available models: {names}.', code="unknown_model"
    )


def find_model(model_id: str) -> EngineModel | None:
    """The row of a model whether or not it is on offer: what it was called, and what it cost."""
    return EngineModel.objects.filter(pk=model_id).first()


def is_billed(model_id: str) -> bool:
    """Whether it is drawn elsewhere, by somebody who sends a bill."""
    found = find_model(model_id)
    return found is not None and found.engine != Engine.SKETCH


def successor_of(retired: EngineModel) -> str:
    """The id of the first model in the line of succession that can be asked today, else ""."""
    offered = {entry.id: entry for entry in EngineModel.objects.all()}
    seen: set[str] = set()
    current: EngineModel | None = offered.get(retired.id)
    while current and current.id not in seen:
        seen.add(current.id)
        current = offered.get(current.successor_id or "")
        if current and current.offered and not current.retired():
            return current.id
    return ""


def default_model_for(model_id: str) -> str:
    """The id to begin with where that model was asked for before: its own, its successor's, else
    the first on offer; "" where nothing is."""
    offered = [entry.id for entry in available_models()]
    if model_id in offered:
        return model_id
    former = find_model(model_id)
    following = successor_of(former) if former else ""
    return following if following in offered else next(iter(offered), "")


def retirement_notice(model_id: str) -> str:
    """What to say of a model that was asked for before, where it was retired; else ""."""
    former = find_model(model_id)
    return _retirement(former) if former and former.retired() else ""


def retirement_note(chosen: EngineModel) -> str:
    """What those who choose it should know of its end, if that is near; else ""."""
    if chosen.retires_on is None or chosen.retired():
        return ""
    if chosen.retires_on > timezone.localdate() + RETIRES_SOON:
        return ""
    named = f" Its successor is {chosen.successor}." if chosen.successor else ""
    return f"{chosen.label} is available until {_day(chosen.retires_on)} only.{named}"


def _retirement(retired: EngineModel) -> str:
    by = " by Google" if retired.engine == Engine.GEMINI else ""
    assert retired.retires_on
    said = f"{retired.label} was retired{by} on {_day(retired.retires_on)}"
    if following := find_model(successor_of(retired)):
        return f"{said}; its successor is {following.label}."
    return f"{said}. Choose another model."


def _day(day: datetime.date) -> str:
    return f"{day.day} {day:%B %Y}"


def _gemini_reachable() -> bool:
    return bool(settings.GEMINI_API_KEY or settings.GEMINI_USE_VERTEX)


def validate(request: DrawRequest) -> EngineModel:
    """The model of a request that can be drawn as it is; raises `InvalidRequest` otherwise."""
    chosen = get_model(request.model)
    check(
        chosen,
        prompt=request.prompt,
        aspect_ratio=request.aspect_ratio,
        image_size=request.image_size,
        roles=[reference.role for reference in request.references],
    )
    return chosen


def check(
    chosen: EngineModel,
    *,
    prompt: str,
    aspect_ratio: str,
    image_size: str,
    roles: Sequence[str] = (),
    refines: bool = False,
    in_bulk: bool = False,
) -> None:
    """Whether that model can do all of it; raises `InvalidRequest` with what it can do instead.

    `roles` has an entry for each reference, "" where it has no role.
    """
    if not prompt.strip():
        raise InvalidRequest("Describe the image to generate.", code="empty_prompt")
    _check_shape(chosen, aspect_ratio, image_size)
    if refines and not chosen.refines:
        raise InvalidRequest(
            f"{chosen.label} cannot edit images. Choose another model, or use the image as a "
            "reference.",
            code="cannot_refine",
        )
    if in_bulk and not chosen.batches:
        raise InvalidRequest(
            f"{chosen.label} does not accept bulk orders. Choose another model, or generate now.",
            code="cannot_batch",
        )
    _check_slots(chosen, roles)


def _check_shape(chosen: EngineModel, aspect_ratio: str, image_size: str) -> None:
    if aspect_ratio not in chosen.aspect_ratios:
        raise InvalidRequest(
            f'{chosen.label} does not support the aspect ratio "{aspect_ratio}". Choose one of '
            f"{', '.join(chosen.aspect_ratios)}.",
            code="unknown_aspect_ratio",
        )
    if image_size and image_size not in chosen.image_sizes:
        offered = ", ".join(chosen.image_sizes)
        raise InvalidRequest(
            f'{chosen.label} does not support the size "{image_size}". '
            + (f"Choose one of {offered}." if offered else "It has one size only: omit it."),
            code="unknown_image_size",
        )


def _check_slots(chosen: EngineModel, roles: Sequence[str]) -> None:
    if len(roles) > chosen.max_references:
        most = f"at most {chosen.max_references} references" if chosen.max_references else "none"
        raise InvalidRequest(
            f"{chosen.label} accepts {most}, and {len(roles)} were given. Remove some.",
            code="too_many_references",
        )
    for role, given in Counter(roles).items():
        most_of_it = chosen.slots.get(role)
        if role and most_of_it is not None and given > most_of_it:
            raise InvalidRequest(
                f"{chosen.label} accepts at most {most_of_it} references with the role "
                f"{Role(role).label}, and {given} were given. Remove some, or change their "
                "role.",
                code="too_many_references",
            )
