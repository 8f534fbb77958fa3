"""Request and response types that all engines share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ReferenceImage:
    """One reference as it is sent to an engine. Messages name it by `title`; `role` is one of
    `models.Role` or "". `checksum` is that of the asset's file, from which `data` was made."""

    data: bytes
    mime_type: str
    title: str
    role: str = ""
    asset_id: int = 0
    checksum: str = ""


@dataclass(frozen=True)
class Exchange:
    """An earlier turn of a conversation: the user's request and the model's answer.

    `parts` is the answer as JSON, where an image is {"inlineData": {"data": bytes, "mimeType"}}.
    """

    prompt: str
    references: tuple[ReferenceImage, ...]
    parts: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class DrawRequest:
    """One call of an engine.

    `prompt` is complete: it includes the brand's rules and palette. `palette` (colours as
    "#rrggbb"), `brand` and `variant` are for engines that lay out and do not imagine: the same
    request with another `variant` gets another layout. `image_size` is a name such as "2K", or ""
    for the model's default. `history` holds the earlier turns, oldest first.
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
    """An image with exactly the bytes that the engine sent."""

    data: bytes
    mime_type: str


@dataclass(frozen=True)
class Drawing:
    """An engine's answer: at least one image, the model's preferred one last.

    `usage` holds the engine's own counts. `raw` is the untouched body of the answer, b"" if there
    is none. `parts` is the answer as `gemini.turns` stores it, empty if the engine cannot continue
    a conversation.
    """

    images: tuple[DrawnImage, ...]
    text: str
    usage: dict[str, Any]
    model_version: str
    response_id: str
    raw: bytes
    parts: tuple[dict[str, Any], ...] = ()
