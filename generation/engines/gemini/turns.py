"""What a model said, as it is kept to be said again: its parts with their thought signatures.

A picture's bytes are not kept twice: its part says which output it became.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from generation.engines.base import DrawnImage
from generation.engines.gemini.json_fields import Json, decoded, dict_of, either


def kept(parts: Sequence[Json], images: Sequence[DrawnImage]) -> list[Json]:
    """The parts of an answer, where `images` are those that become outputs: each as
    {"output": position, "mimeType", "sha256", …}; all else as it came.

    A draft that the model drew while thinking is left out: its picture is kept nowhere, and the
    API does not ask for it again.
    """
    said: list[Json] = []
    places = {id(image): position for position, image in enumerate(images)}
    waiting = list(images)
    for part in parts:
        blob = dict_of(either(part, "inlineData"))
        if not blob:
            said.append(part)
            continue
        data = decoded(str(blob.get("data") or ""))
        became = next((image for image in waiting if image.data == data), None)
        if became is None:
            continue
        waiting.remove(became)
        rest = {name: value for name, value in part.items() if name not in _PICTURE}
        picture = {
            "output": places[id(became)],
            "mimeType": became.mime_type,
            "sha256": hashlib.sha256(became.data).hexdigest(),
        }
        said.append({**picture, **rest})
    return said


def restored(parts: Sequence[Json], picture: Callable[[Json], bytes]) -> tuple[Json, ...]:
    """Kept parts with {"data": bytes, "mimeType"} under "inlineData" again; `picture` finds the
    bytes for a part."""
    return tuple(_restored(part, picture) for part in parts)


def _restored(part: Json, picture: Callable[[Json], bytes]) -> Json:
    if "output" not in part:
        return part
    rest: dict[str, Any] = {
        name: value for name, value in part.items() if name not in ("output", "mimeType", "sha256")
    }
    return {"inlineData": {"data": picture(part), "mimeType": part["mimeType"]}, **rest}


def complete(parts: Sequence[Json]) -> bool:
    """Whether the model can be asked to go on from this: every picture carries its signature."""
    pictures = [part for part in parts if "output" in part]
    return bool(pictures) and all(either(part, "thoughtSignature") for part in pictures)


_PICTURE = ("inlineData", "inline_data")
