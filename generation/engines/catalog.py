"""Catalogue of image models: which are offered today, and which requests each of them accepts."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from generation.engines.base import DrawRequest
from generation.errors import InvalidRequest, ModelRetired
from generation.models import EngineModel, Role

RETIRES_SOON = datetime.timedelta(days=30)  # Users are warned this long before a retirement
Engine = EngineModel.Engine


def available_models() -> list[EngineModel]:
    """Return the models on offer today, in the order of the table.

    Gemini's models are on offer only if an API key or Vertex AI is configured.
    """
    offered = EngineModel.objects.filter(offered=True).exclude(retires_on__lte=timezone.localdate())
    return list(offered if _gemini_reachable() else offered.exclude(engine=Engine.GEMINI))


def get_model(model_id: str) -> EngineModel:
    """Return the model with that id if it is on offer today.

    Raises:
        ModelRetired: the model was retired; the error names its successor.
        InvalidRequest: there is no such model; the message names those on offer.
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
    """Return the row of a model, also if it is no longer on offer; None if there never was one."""
    return EngineModel.objects.filter(pk=model_id).first()


def is_billed(model_id: str) -> bool:
    """Return True if an external service draws with this model and bills for it."""
    found = find_model(model_id)
    return found is not None and found.engine != Engine.SKETCH


def successor_of(retired: EngineModel) -> str:
    """Return the id of the first model on offer today among the successors of a retired model,
    direct or indirect; "" if there is none."""
    models = {entry.id: entry for entry in EngineModel.objects.all()}
    seen: set[str] = set()
    current: EngineModel | None = models.get(retired.id)
    while current and current.id not in seen:
        seen.add(current.id)
        current = models.get(current.successor_id or "")
        if current and current.offered and not current.retired():
            return current.id
    return ""


def default_model_for(model_id: str) -> str:
    """Return the id of the model to preselect after `model_id` was used: its own if it is on offer,
    else its successor's, else the first on offer; "" if none is."""
    offered = [entry.id for entry in available_models()]
    if model_id in offered:
        return model_id
    former = find_model(model_id)
    successor = successor_of(former) if former else ""
    return successor if successor in offered else next(iter(offered), "")


def retired_sentence(model_id: str) -> str:
    """Return the sentence that a model, used in an earlier request, was retired, and when; "" if it
    was not."""
    former = find_model(model_id)
    return _retirement(former) if former and former.retired() else ""


def retires_soon_sentence(chosen: EngineModel) -> str:
    """Return the sentence that a model on offer retires within 30 days, and when; else ""."""
    if chosen.retires_on is None or chosen.retired():
        return ""
    if chosen.retires_on > timezone.localdate() + RETIRES_SOON:
        return ""
    named = f" Its successor is {chosen.successor}." if chosen.successor else ""
    return f"{chosen.label} is available until {_day(chosen.retires_on)} only.{named}"


def _retirement(retired: EngineModel) -> str:
    by = " by Google" if retired.engine == Engine.GEMINI else ""
    assert retired.retires_on
    sentence = f"{retired.label} was retired{by} on {_day(retired.retires_on)}"
    if successor := find_model(successor_of(retired)):
        return f"{sentence}; its successor is {successor.label}."
    return f"{sentence}. Choose another model."


def _day(day: datetime.date) -> str:
    return f"{day.day} {day:%B %Y}"


def _gemini_reachable() -> bool:
    return bool(settings.GEMINI_API_KEY or settings.GEMINI_USE_VERTEX)


def validate_draw_request(request: DrawRequest) -> EngineModel:
    """Return the model of a complete request, just before an engine is called with it.

    Raises ModelRetired or InvalidRequest if that model is not on offer, and InvalidRequest if it
    does not accept the request.
    """
    chosen = get_model(request.model)
    validate_options(
        chosen,
        prompt=request.prompt,
        aspect_ratio=request.aspect_ratio,
        image_size=request.image_size,
        roles=[reference.role for reference in request.references],
    )
    return chosen


def validate_options(
    chosen: EngineModel,
    *,
    prompt: str,
    aspect_ratio: str,
    image_size: str,
    roles: Sequence[str] = (),
    refines: bool = False,
    in_bulk: bool = False,
) -> None:
    """Raise InvalidRequest, naming the available options, if a model does not accept these options
    of a request, which need not be complete: no reference has been read yet.

    `roles` has one entry per reference, "" for a reference without a role. `refines` is True if the
    request continues a conversation, `in_bulk` if it goes through the batch interface.
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
        limit = f"at most {chosen.max_references} references" if chosen.max_references else "none"
        raise InvalidRequest(
            f"{chosen.label} accepts {limit}, and {len(roles)} were given. Remove some.",
            code="too_many_references",
        )
    for role, count in Counter(roles).items():
        slots = chosen.slots.get(role)
        if role and slots is not None and count > slots:
            raise InvalidRequest(
                f"{chosen.label} accepts at most {slots} references with the role "
                f"{Role(role).label}, and {count} were given. Remove some, or change their "
                "role.",
                code="too_many_references",
            )
