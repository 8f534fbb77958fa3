"""What the Gemini API rejects before it draws, checked against Google's published protos."""

from __future__ import annotations

import base64
import copy
import importlib
import io
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

from google.protobuf import json_format
from PIL import Image

from tests.gemini_server.drawing import PIXELS
from tests.gemini_server.replies import Reply, error

Json = dict[str, Any]

TEN = tuple(list(PIXELS)[:10])
MODELS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "gemini-nano-banana-2.1": (tuple(PIXELS), ("1K", "2K", "4K")),
    "gemini-3-pro-image": (TEN, ("1K", "2K", "4K")),
    "gemini-3.1-flash-lite-image": (TEN, ("1K",)),
}
RETIRED = {
    "gemini-3.1-flash-image",
    "gemini-3.1-flash-image-preview",
    "gemini-3-pro-image-preview",
    "gemini-2.5-flash-image",
    "gemini-2.5-flash-image-preview",
}
MAX_REFERENCES = 14
MAX_BODY = 100 * 1024 * 1024
TAKEN = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
# What the API has and its published protos do not (yet): taken out before they are asked.
UNPUBLISHED = {"imageSize", "thinkingLevel", "serviceTier", "responseFormat"}
PATH = re.compile(
    r"/(?P<version>v1|v1beta|v1beta1)/"
    r"(?:(?:projects/[^/]+/locations/[^/]+/)?publishers/google/)?"
    r"models/(?P<model>[^/:]+):generateContent"
)


@dataclass(frozen=True)
class Reference:
    mime_type: str
    data: bytes


@dataclass(frozen=True)
class Asked:
    """One well-formed request, parsed."""

    model: str
    prompt: str
    references: tuple[Reference, ...]
    aspect_ratio: str
    image_size: str
    turn: int = 0  # how often the same was asked before: no model draws the same twice


class RejectedError(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode())
        self.reply = reply


def check_key(path: str, headers: dict[str, str]) -> None:
    query = parse_qs(urlsplit(path).query)
    key = headers.get("x-goog-api-key") or "".join(query.get("key", []))
    bearer = headers.get("authorization", "").startswith("Bearer ")
    if not key and not bearer:
        raise RejectedError(error("no_key"))
    if key.startswith("bad"):
        raise RejectedError(error("bad_key"))


def check(path: str, headers: dict[str, str], raw: bytes) -> Asked:
    """The request, or `RejectedError` with what Google answers to one like it."""
    check_key(path, headers)
    match = PATH.fullmatch(urlsplit(path).path)
    if match is None:
        raise RejectedError(Reply(status=404, body=b"<html>Not found</html>", kind="text/html"))
    model = match["model"]
    if model in RETIRED:
        raise RejectedError(error("model_retired", model=model))
    if model not in MODELS:
        raise RejectedError(error("model_not_found", model=model, version=match["version"]))
    if len(raw) > MAX_BODY:
        _reject(f"Request payload size exceeds the limit: {MAX_BODY} bytes.")
    body = _parse(raw, match["version"])
    if 0 < float(headers.get("x-server-timeout") or 0) < 10:
        raise RejectedError(error("deadline_too_short"))
    return _asked(model, body)


def _parse(raw: bytes, version: str) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        _reject("Invalid JSON payload received. Unexpected token.")
    published = _without_unpublished(copy.deepcopy(body))
    protos = importlib.import_module(
        f"google.ai.generativelanguage_{'v1' if version == 'v1' else 'v1beta'}"
    )
    try:
        json_format.ParseDict(published, protos.GenerateContentRequest.pb()())
    except json_format.ParseError as problem:
        unknown = re.search(r'no field named "([^"]+)" at "([^"]+)"', str(problem))
        if unknown is None:
            _reject(f"Invalid JSON payload received. {problem}")
        where = ".".join(_snake(name) for name in unknown[2].split(".")[1:])
        _reject(
            f"Invalid JSON payload received. Unknown name \"{unknown[1]}\" at '{where}': "
            "Cannot find field.",
            field=where,
        )
    return body


def _without_unpublished(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_unpublished(each)
            for key, each in value.items()
            if _camel(key) not in UNPUBLISHED
        }
    return [_without_unpublished(each) for each in value] if isinstance(value, list) else value


def _asked(model: str, body: Json) -> Asked:
    parts = [part for content in body.get("contents") or [] for part in content.get("parts") or []]
    if not parts:
        _reject("* GenerateContentRequest.contents: contents is not specified\n")
    image = get(get(body, "generationConfig") or {}, "imageConfig") or {}
    ratio, size = get(image, "aspectRatio") or "", get(image, "imageSize") or ""
    ratios, sizes = MODELS[model]
    for value, allowed, name in ((ratio, ratios, "aspect_ratio"), (size, sizes, "image_size")):
        if value and value not in allowed:
            options = ", ".join(f"'{option}'" for option in allowed[:-1])
            _reject(
                f"* GenerateContentRequest.generation_config.image_config.{name}: "
                f"{name} must be one of {options}, or '{allowed[-1]}'.\n"
            )
    blobs = [blob for part in parts if (blob := get(part, "inlineData"))]
    if len(blobs) > MAX_REFERENCES:
        _reject(f"At most {MAX_REFERENCES} images are supported per request.")
    return Asked(
        model=model,
        prompt="\n".join(part["text"] for part in parts if part.get("text")),
        references=tuple(_reference(blob) for blob in blobs),
        aspect_ratio=ratio,
        image_size=size,
    )


def _reference(blob: Json) -> Reference:
    mime_type = str(get(blob, "mimeType") or "")
    if mime_type not in TAKEN:
        _reject(f"Unsupported MIME type: {mime_type}")
    standard = str(blob.get("data") or "").replace("-", "+").replace("_", "/")
    data = base64.b64decode(standard + "=" * (-len(standard) % 4))
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.verify()
    except (OSError, SyntaxError, ValueError):
        raise RejectedError(error("bad_reference")) from None
    return Reference(mime_type, data)


def get(holder: Json, name: str) -> Any:
    """A field in either of the spellings that protobuf's JSON allows."""
    return holder.get(name, holder.get(_snake(name)))


def _reject(message: str, *, field: str = "") -> NoReturn:
    raise RejectedError(error("bad_argument", message=message, field=field))


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
