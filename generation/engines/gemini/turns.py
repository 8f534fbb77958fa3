"""Stores a model's answers, so that they can be sent again when a conversation continues.

An answer is a list of parts with their thought signatures. The bytes of an image are not stored a
second time: its part names the output that holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from generation.engines.base import DrawnImage
from generation.engines.gemini.json_fields import Json, decode_base64, dict_of, get_field


def to_stored(parts: Sequence[Json], images: Sequence[DrawnImage]) -> list[Json]:
    """Return the parts of an answer for storage.

    An image of `images`, which become outputs in this order, is stored as {"output": position,
    "mimeType", "sha256", …}; all other parts stay as they came. Images that the model drew while
    thinking are left out: they are not stored anywhere, and the API does not require them again.
    """
    stored: list[Json] = []
    positions = {id(image): position for position, image in enumerate(images)}
    unmatched = list(images)
    for part in parts:
        blob = dict_of(get_field(part, "inlineData"))
        if not blob:
            stored.append(part)
            continue
        data = decode_base64(str(blob.get("data") or ""))
        image = next((image for image in unmatched if image.data == data), None)
        if image is None:
            continue
        unmatched.remove(image)
        rest = {name: value for name, value in part.items() if name not in _INLINE_DATA}
        reference = {
            "output": positions[id(image)],
            "mimeType": image.mime_type,
            "sha256": hashlib.sha256(image.data).hexdigest(),
        }
        stored.append({**reference, **rest})
    return stored


def from_stored(parts: Sequence[Json], read_image: Callable[[Json], bytes]) -> tuple[Json, ...]:
    """Return stored parts with {"data": bytes, "mimeType"} under "inlineData" again; `read_image`
    returns the bytes for a part."""
    return tuple(_from_stored(part, read_image) for part in parts)


def _from_stored(part: Json, read_image: Callable[[Json], bytes]) -> Json:
    if "output" not in part:
        return part
    rest: dict[str, Any] = {
        name: value for name, value in part.items() if name not in ("output", "mimeType", "sha256")
    }
    return {"inlineData": {"data": read_image(part), "mimeType": part["mimeType"]}, **rest}


def can_continue(parts: Sequence[Json]) -> bool:
    """Return True if a conversation can continue from this answer: it has images, and each of them
    carries a thought signature."""
    images = [part for part in parts if "output" in part]
    return bool(images) and all(get_field(part, "thoughtSignature") for part in images)


_INLINE_DATA = ("inlineData", "inline_data")
