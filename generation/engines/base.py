"""The words every engine shares: what is asked for, what comes back, and which models there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ReferenceImage:
    """A picture the drawing should follow. The title names it in messages."""

    data: bytes
    mime_type: str
    title: str
    role: str = ""
    asset_id: int = 0


@dataclass(frozen=True)
class Exchange:
    """An earlier turn of a conversation: what was asked, and the model's own parts, as JSON in
    which pictures are {"inlineData": {"data": bytes, "mimeType"}}."""

    prompt: str
    references: tuple[ReferenceImage, ...]
    said: tuple[dict[str, Any], ...]


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
    history: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class DrawnImage:
    """A picture, with exactly the bytes the engine gave."""

    data: bytes
    mime_type: str


@dataclass(frozen=True)
class Drawing:
    """What an engine delivered: at least one image, the model's choice last.

    `raw` is the answer's untouched body, or b"" where an engine has none. `said`: its parts as
    `gemini.turns` keeps them, empty where an engine cannot go on from what it drew.
    """

    images: tuple[DrawnImage, ...]
    text: str
    usage: dict[str, Any]
    model_version: str
    response_id: str
    raw: bytes
    said: tuple[dict[str, Any], ...] = ()
