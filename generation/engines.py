"""The words every engine shares: what is asked for, what comes back, and which models there are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from generation.errors import InvalidRequest


@dataclass(frozen=True)
class ReferenceImage:
    """A picture the drawing should follow. The title names it in messages."""

    data: bytes
    mime_type: str
    title: str


@dataclass(frozen=True)
class DrawRequest:
    """One drawing to be made.

    `prompt` is complete: what the palette and the brand say is already in it. `palette` (colours
    as "#rrggbb") and `brand` are for engines that lay out rather than imagine, and so is `variant`:
    the same request with another number is laid out otherwise. `image_size` is a
    name such as "2K", or "" for whatever the model does by itself.
    """

    prompt: str
    references: tuple[ReferenceImage, ...]
    model: str
    aspect_ratio: str
    image_size: str
    palette: tuple[str, ...] = ()
    brand: str = ""
    variant: int = 0


@dataclass(frozen=True)
class DrawnImage:
    """A picture, with exactly the bytes the engine gave."""

    data: bytes
    mime_type: str


@dataclass(frozen=True)
class Drawing:
    """What an engine delivered: at least one image, the model's choice last.

    `raw` is the answer's untouched body, or b"" where an engine has none.
    """

    images: tuple[DrawnImage, ...]
    text: str
    usage: dict[str, Any]
    model_version: str
    response_id: str
    raw: bytes


@dataclass(frozen=True)
class EngineModel:
    """A model people can choose. An empty `image_sizes` means that there is no choice."""

    id: str
    label: str
    engine: Literal["gemini", "sketch"]
    aspect_ratios: tuple[str, ...]
    image_sizes: tuple[str, ...]
    max_references: int
    note: str = ""


def models() -> list[EngineModel]:
    """The models on offer, in the order of `settings.GENERATION_MODELS`, sketch last.

    Models of Gemini are on offer only where there is a key, or Vertex AI, to reach them with.
    """
    listed = [_entry(row) for row in settings.GENERATION_MODELS]
    reachable = bool(settings.GEMINI_API_KEY or settings.GEMINI_USE_VERTEX)
    gemini = [entry for entry in listed if entry.engine == "gemini" and reachable]
    return gemini + [entry for entry in listed if entry.engine == "sketch"]


def model(model_id: str) -> EngineModel:
    """The model with that id; `InvalidRequest` names the ones on offer where there is none."""
    offered = models()
    for entry in offered:
        if entry.id == model_id:
            return entry
    names = ", ".join(entry.id for entry in offered) or "none"
    raise InvalidRequest(
        f'There is no model "{model_id}" here. On offer: {names}.', code="unknown_model"
    )


def validate(request: DrawRequest) -> EngineModel:
    """The model of a request that can be drawn as it is; raises `InvalidRequest` otherwise."""
    chosen = model(request.model)
    if not request.prompt.strip():
        raise InvalidRequest("Write what should be drawn.", code="empty_prompt")
    if request.aspect_ratio not in chosen.aspect_ratios:
        raise InvalidRequest(
            f'{chosen.label} has no format "{request.aspect_ratio}". '
            f"Choose one of {', '.join(chosen.aspect_ratios)}.",
            code="unknown_aspect_ratio",
        )
    if request.image_size and request.image_size not in chosen.image_sizes:
        offered = ", ".join(chosen.image_sizes)
        raise InvalidRequest(
            f'{chosen.label} has no size "{request.image_size}". '
            + (f"Choose one of {offered}." if offered else "It has one size only: leave it out."),
            code="unknown_image_size",
        )
    if len(request.references) > chosen.max_references:
        raise InvalidRequest(
            f"{chosen.label} takes at most {chosen.max_references} references, "
            f"and {len(request.references)} were given. Leave some out.",
            code="too_many_references",
        )
    return chosen


def draw(request: DrawRequest) -> Drawing:
    """Have the request drawn by the engine of its model. Slow: call it outside transactions.

    Raises `InvalidRequest` before anything is sent, `EngineError` afterwards.
    """
    chosen = validate(request)
    if chosen.engine == "sketch":
        from generation import sketch

        return sketch.draw(request)

    from generation import gemini

    if len(chosen.image_sizes) < 2:
        # A model with one size need not know the parameter, and may reject it.
        request = dataclasses.replace(request, image_size="")
    return gemini.draw(request)


def _entry(row: dict[str, Any]) -> EngineModel:
    keys = {field.name for field in dataclasses.fields(EngineModel)}
    if wrong := (row.keys() - keys) | (keys - {"note"} - row.keys()):
        raise ImproperlyConfigured(
            f"GENERATION_MODELS: {row.get('id', row)!r} lacks or does not need "
            f"{', '.join(sorted(wrong))}."
        )
    if row["engine"] not in ("gemini", "sketch"):
        raise ImproperlyConfigured(f'GENERATION_MODELS: there is no engine "{row["engine"]}".')
    lists = {key: tuple(row[key]) for key in ("aspect_ratios", "image_sizes")}
    return EngineModel(**{**row, **lists})
