"""Checks of the Gemini API before it draws, against Google's published protos."""

from __future__ import annotations

import base64
import copy
import hashlib
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
MIME_TYPES = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
# Fields that the API has and its published protos do not have yet: removed before the check.
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
class Content:
    """Earlier content of a conversation, by the user or the model."""

    role: str
    text: str
    images: tuple[Reference, ...]


@dataclass(frozen=True)
class ParsedRequest:
    """Well-formed request; `prompt` and `references` are those of its last content."""

    model: str
    prompt: str
    references: tuple[Reference, ...]
    aspect_ratio: str
    image_size: str
    turn: int = 0  # Number of equal requests before: no model draws the same image twice
    history: tuple[Content, ...] = ()  # Earlier turns of the conversation


class RejectedError(Exception):
    """Error that carries the reply to a request that Google would reject."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode())
        self.reply = reply


def check_key(path: str, headers: dict[str, str]) -> None:
    """Raise RejectedError without a key or with a bad one."""
    query = parse_qs(urlsplit(path).query)
    key = headers.get("x-goog-api-key") or "".join(query.get("key", []))
    bearer = headers.get("authorization", "").startswith("Bearer ")
    if not key and not bearer:
        raise RejectedError(error("no_key"))
    if key.startswith("bad"):
        raise RejectedError(error("bad_key"))


def check(path: str, headers: dict[str, str], raw: bytes) -> ParsedRequest:
    """Return the parsed request. Raises RejectedError with the reply that Google would give."""
    check_key(path, headers)
    match = PATH.fullmatch(urlsplit(path).path)
    if match is None:
        raise RejectedError(Reply(status=404, body=b"<html>Not found</html>", kind="text/html"))
    model = match["model"]
    check_model(model, match["version"])
    if len(raw) > MAX_BODY:
        reject(f"Request payload size exceeds the limit: {MAX_BODY} bytes.")
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        reject("Invalid JSON payload received. Unexpected token.")
    parsed = read(model, match["version"], body)
    if 0 < float(headers.get("x-server-timeout") or 0) < 10:
        raise RejectedError(error("deadline_too_short"))
    return parsed


def check_model(model: str, version: str) -> None:
    """Raise RejectedError for a retired or unknown model."""
    if model in RETIRED:
        raise RejectedError(error("model_retired", model=model))
    if model not in MODELS:
        raise RejectedError(error("model_not_found", model=model, version=version))


def read(model: str, version: str, body: Json) -> ParsedRequest:
    """Return the parsed body of a request for that model. Raises RejectedError."""
    _check_published(body, version)
    return _parse(model, body)


def _check_published(body: Json, version: str) -> None:
    published = _without_unpublished(copy.deepcopy(body))
    protos = importlib.import_module(
        f"google.ai.generativelanguage_{'v1' if version == 'v1' else 'v1beta'}"
    )
    try:
        json_format.ParseDict(published, protos.GenerateContentRequest.pb()())
    except json_format.ParseError as problem:
        unknown = re.search(r'no field named "([^"]+)" at "([^"]+)"', str(problem))
        if unknown is None:
            reject(f"Invalid JSON payload received. {problem}")
        where = ".".join(_snake(name) for name in unknown[2].split(".")[1:])
        reject(
            f"Invalid JSON payload received. Unknown name \"{unknown[1]}\" at '{where}': "
            "Cannot find field.",
            field=where,
        )


def _without_unpublished(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_unpublished(each)
            for key, each in value.items()
            if _camel(key) not in UNPUBLISHED
        }
    return [_without_unpublished(each) for each in value] if isinstance(value, list) else value


def _parse(model: str, body: Json) -> ParsedRequest:
    contents = [each for each in body.get("contents") or [] if each.get("parts")]
    parts = [part for content in contents for part in content["parts"]]
    if not parts:
        reject("* GenerateContentRequest.contents: contents is not specified\n")
    image = get(get(body, "generationConfig") or {}, "imageConfig") or {}
    ratio, size = get(image, "aspectRatio") or "", get(image, "imageSize") or ""
    ratios, sizes = MODELS[model]
    for value, allowed, name in ((ratio, ratios, "aspect_ratio"), (size, sizes, "image_size")):
        if value and value not in allowed:
            options = ", ".join(f"'{option}'" for option in allowed[:-1])
            reject(
                f"* GenerateContentRequest.generation_config.image_config.{name}: "
                f"{name} must be one of {options}, or '{allowed[-1]}'.\n"
            )
    blobs = [blob for part in parts if (blob := get(part, "inlineData"))]
    if len(blobs) > MAX_REFERENCES:
        reject(f"At most {MAX_REFERENCES} images are supported per request.")
    _check_signatures(model, contents)
    turns = [_content(content) for content in contents]
    if turns[-1].role == "model":
        reject("Please ensure that the last content is of role user.")
    return ParsedRequest(
        model=model,
        prompt=turns[-1].text,
        references=turns[-1].images,
        aspect_ratio=ratio,
        image_size=size,
        history=tuple(turns[:-1]),
    )


def _content(content: Json) -> Content:
    parts = content["parts"]
    return Content(
        role=content.get("role") or "user",
        text="\n".join(part["text"] for part in parts if part.get("text")),
        images=tuple(_reference(blob) for part in parts if (blob := get(part, "inlineData"))),
    )


def signature(model: str, data: bytes) -> bytes:
    """Return a model's signature of a part: another one for each model and each part."""
    return hashlib.sha512(model.encode() + data).digest()


def _check_signatures(model: str, contents: list[Json]) -> None:
    """Raise RejectedError unless every image of the model, and its first part, comes back unchanged
    and signed."""
    for place, content in enumerate(contents, start=1):
        if content.get("role") != "model":
            continue
        for number, part in enumerate(content["parts"], start=1):
            blob = get(part, "inlineData")
            if part.get("thought") or not (blob or number == 1):
                continue
            data = _decode(blob.get("data")) if blob else str(part.get("text") or "").encode()
            signed = get(part, "thoughtSignature")
            if not signed:
                reject(
                    f"{'Image' if blob else 'Text'} part is missing a thought_signature in content "
                    f"position {place}, part position {number}."
                )
            if _decode(signed) != signature(model, data):
                reject("Thought signature is not valid.")  # Google's exact message was not captured


def _reference(blob: Json) -> Reference:
    mime_type = str(get(blob, "mimeType") or "")
    if mime_type not in MIME_TYPES:
        reject(f"Unsupported MIME type: {mime_type}")
    data = _decode(blob.get("data"))
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.verify()
    except (OSError, SyntaxError, ValueError):
        raise RejectedError(error("bad_reference")) from None
    return Reference(mime_type, data)


def _decode(encoded: object) -> bytes:
    standard = str(encoded or "").replace("-", "+").replace("_", "/")
    return base64.b64decode(standard + "=" * (-len(standard) % 4))


def get(holder: Json, name: str) -> Any:
    """Return a field in either of the spellings that protobuf's JSON allows."""
    return holder.get(name, holder.get(_snake(name)))


def reject(message: str, *, field: str = "") -> NoReturn:
    """Raise RejectedError with status 400."""
    raise RejectedError(error("bad_argument", message=message, field=field))


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)
