"""Calls Google's image models through the Gemini API or Vertex AI.

The SDK is imported at its first use, because it is heavy and most processes never draw. It returns
the untouched body of an answer, which `response` parses: the SDK drops `finishMessage`, and fails
on an answer with one broken image. It never retries: the job queue does.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings

from generation.engines.base import Drawing, DrawRequest, ReferenceImage
from generation.engines.gemini import response
from generation.engines.gemini.errors import engine_error, without_key
from generation.engines.gemini.json_fields import Json, decode_base64, get_field
from generation.errors import EngineError, EngineFailed, InvalidRequest

if TYPE_CHECKING:
    from google.genai import Client, types

ACCEPTED_MIME_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif")
# Google's limit of 100 MB for a request with inline images, less 1 MB for the rest of the body. In
# base64 four bytes carry three.
MAX_REFERENCE_BYTES = 100_000_000 * 3 // 4 - 1_000_000
MIN_DEADLINE_S = 10  # Google rejects requests that announce a shorter deadline

_lock = threading.Lock()
# Settings and client by process id: a forked child must neither share nor close connections.
_clients: dict[int, tuple[tuple[Any, ...], Client]] = {}


def check() -> str | None:
    """Return a sentence if the settings do not allow calls to Gemini, else None. Makes no call."""
    key = settings.GEMINI_API_KEY
    if settings.GEMINI_USE_VERTEX:
        if not (settings.GEMINI_VERTEX_PROJECT or key):
            return "Vertex AI needs GEMINI_VERTEX_PROJECT (or GEMINI_API_KEY)."
    elif not key:
        return "GEMINI_API_KEY is not set: only sketches can be generated."
    if not key.isascii() or re.search(r"\s", key.strip()):
        return "GEMINI_API_KEY contains invalid characters. Copy it again."
    if re.search(r"/v\d\w*/?$", settings.GEMINI_BASE_URL or ""):
        return "GEMINI_BASE_URL must not end in a version: set it in GEMINI_API_VERSION."
    return None


def draw(request: DrawRequest) -> Drawing:
    """Draw with Gemini: one billed call that takes from seconds to minutes.

    Raises:
        InvalidRequest: the references cannot be sent; nothing was sent.
        EngineError: Gemini is not configured, or did not deliver an image.
    """
    _check_references(request)
    if problem := check():
        raise EngineFailed(problem, code="not_configured")
    client = open_client()  # referenced until the end: an unreferenced client closes
    try:
        sdk_response = client.models.generate_content(
            model=request.model, contents=list(contents(request)), config=config(request)
        )
    except Exception as error:
        # "from None": the SDK's exceptions can quote the key, and tracebacks end up in logs.
        raise engine_error(error, request.model) from None
    http_response = sdk_response.sdk_http_response
    body = (http_response and http_response.body) or ""
    try:
        return response.read(body.encode())
    except EngineError as error:
        error.message, error.detail = without_key(error.message), without_key(error.detail)
        error.args = (error.message,)
        raise


def _check_references(request: DrawRequest) -> None:
    """Raise InvalidRequest if Gemini does not accept the types or the total size of the
    references."""
    references = _all_references(request)
    for reference in references:
        if reference.mime_type not in ACCEPTED_MIME_TYPES:
            raise InvalidRequest(
                "Gemini accepts JPEG, PNG, WebP and HEIC, and the reference "
                f'"{reference.title}" is {reference.mime_type}. Use another reference.',
                code="unsupported_reference",
            )
    parts = [part for turn in request.history for part in turn.parts]
    drawn = [part["inlineData"]["data"] for part in parts if "inlineData" in part]
    sizes = [len(each.data) for each in references] + [len(data) for data in drawn]
    if sum(sizes) > MAX_REFERENCE_BYTES:
        raise InvalidRequest(
            "The references are too large in total. Use fewer or smaller ones.",
            code="references_too_large",
        )


def _all_references(request: DrawRequest) -> list[ReferenceImage]:
    earlier = [reference for turn in request.history for reference in turn.references]
    return [*earlier, *request.references]


def contents(request: DrawRequest) -> list[types.Content]:
    """Return the SDK's contents of a request: the earlier turns of the conversation, then the
    current prompt with its references."""
    turns: list[types.Content] = []
    for turn in request.history:
        turns.append(_user_content(turn.prompt, turn.references))
        turns.append(_model_content(turn.parts))
    return [*turns, _user_content(request.prompt, request.references)]


def _user_content(prompt: str, references: Sequence[ReferenceImage]) -> types.Content:
    from google.genai import types

    images = [
        types.Part.from_bytes(data=each.data, mime_type=each.mime_type) for each in references
    ]
    return types.Content(role="user", parts=[types.Part.from_text(text=prompt), *images])


def _model_content(answer: Sequence[Json]) -> types.Content:
    """Return an earlier answer of the model in the SDK's type. Fields that this SDK does not know
    are left out: it rejects them."""
    from google.genai import types

    known = set(types.Part.model_fields) | {
        field.alias for field in types.Part.model_fields.values() if field.alias
    }
    parts = []
    for part in answer:
        fields = {name: value for name, value in part.items() if name in known}
        if isinstance(signature := get_field(part, "thoughtSignature"), str):
            fields.pop("thoughtSignature", None)
            fields["thought_signature"] = decode_base64(signature)
        parts.append(types.Part.model_validate(fields))
    return types.Content(role="model", parts=parts)


def config(request: DrawRequest) -> types.GenerateContentConfig:
    """Return the SDK's configuration of a request: an answer with text and one image in the wanted
    aspect ratio and size."""
    from google.genai import types

    return types.GenerateContentConfig(
        response_modalities=["TEXT", "IMAGE"],
        image_config=types.ImageConfig(
            aspect_ratio=request.aspect_ratio or None, image_size=request.image_size or None
        ),
        should_return_http_response=True,
        # Both would read a parsed answer, and the SDK has not parsed it.
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
    )


# --- the client ---------------------------------------------------------------------------------


def open_client() -> Client:
    """Return this process's client, which keeps its connections until the settings change.

    Raises EngineFailed if the settings do not allow one.
    """
    current = (
        settings.GEMINI_API_KEY,
        settings.GEMINI_BASE_URL,
        settings.GEMINI_API_VERSION,
        settings.GEMINI_TIMEOUT_S,
        settings.GEMINI_USE_VERTEX,
        settings.GEMINI_VERTEX_PROJECT,
        settings.GEMINI_VERTEX_LOCATION,
    )
    with _lock:
        existing = _clients.get(os.getpid())
        if existing and existing[0] == current:
            return existing[1]
        try:
            client = _new_client()
        except Exception as error:  # missing credentials raise many kinds
            raise EngineFailed(
                "Gemini cannot be reached with these settings. Tell the site administrator.",
                code="not_configured",
                detail=without_key(str(error)),
            ) from None
        # The old client closes when the last thread that still draws with it is done.
        _clients[os.getpid()] = (current, client)
        return client


def _new_client() -> Client:
    from google.genai import Client, types

    timeout = settings.GEMINI_TIMEOUT_S
    vertex = bool(settings.GEMINI_USE_VERTEX)
    options = types.HttpOptions(
        base_url=settings.GEMINI_BASE_URL or None,
        # Vertex AI has versions of its own, which the SDK chooses.
        api_version=None if vertex else settings.GEMINI_API_VERSION,
        timeout=round(timeout * 1000),
        headers={"X-Server-Timeout": str(math.ceil(max(timeout, MIN_DEADLINE_S)))},
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    if vertex and settings.GEMINI_VERTEX_PROJECT:
        return Client(
            vertexai=True,
            project=settings.GEMINI_VERTEX_PROJECT,
            location=settings.GEMINI_VERTEX_LOCATION or "global",
            http_options=options,
        )
    # Explicit, because the SDK otherwise decides between the two by environment variables.
    return Client(vertexai=vertex, api_key=settings.GEMINI_API_KEY, http_options=options)
