"""Google's image models, through the Gemini API or Vertex AI: the only package that knows the SDK.

The SDK is imported at the first use, because it is heavy and most processes never draw. It is
asked for the untouched body of the answer, which we read ourselves: it drops `finishMessage`, and
gives up altogether on an answer with one broken image in it. It never retries: the job queue does.
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
from generation.engines.gemini import response as answer
from generation.engines.gemini.json_fields import Json, decoded, either
from generation.errors import EngineError, EngineFailed, EngineUnavailable, InvalidRequest

if TYPE_CHECKING:
    from google.genai import Client, errors, types

TAKEN_MIME_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif")
# Google's limit for one request with its images inside. In base64 four bytes carry three.
MAX_REFERENCE_BYTES = 100_000_000 * 3 // 4 - 1_000_000
MIN_DEADLINE_S = 10  # Google rejects requests that announce less

_lock = threading.Lock()
# By process: connections must not be shared with a forked child, nor closed by it.
_clients: dict[int, tuple[tuple[Any, ...], Client]] = {}


def check() -> str | None:
    """What is missing before Gemini can draw, as a sentence; None when nothing is. No network."""
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
    """Have Gemini draw: one call, which takes from seconds to minutes and is billed.

    Raises `InvalidRequest` before anything is sent, `EngineError` afterwards.
    """
    _check_references(request)
    if problem := check():
        raise EngineFailed(problem, code="not_configured")
    client = open_client()  # held until the end: a client closes when nothing refers to it
    try:
        response = client.models.generate_content(
            model=request.model, contents=list(contents(request)), config=config(request)
        )
    except Exception as error:
        # "from None": the SDK's exceptions can quote the key, and tracebacks end up in logs.
        raise engine_error(error, request.model) from None
    body = (response.sdk_http_response and response.sdk_http_response.body) or ""
    try:
        return answer.read(body.encode())
    except EngineError as error:
        error.message, error.detail = without_key(error.message), without_key(error.detail)
        error.args = (error.message,)
        raise


def _check_references(request: DrawRequest) -> None:
    references = _all_references(request)
    for reference in references:
        if reference.mime_type not in TAKEN_MIME_TYPES:
            raise InvalidRequest(
                "Gemini accepts JPEG, PNG, WebP and HEIC, and the reference "
                f'"{reference.title}" is {reference.mime_type}. Use another reference.',
                code="unsupported_reference",
            )
    earlier = [part["inlineData"] for turn in request.history for part in turn.said if _blob(part)]
    sizes = [len(each.data) for each in references] + [len(blob["data"]) for blob in earlier]
    if sum(sizes) > MAX_REFERENCE_BYTES:
        raise InvalidRequest(
            "The references are too large in total. Use fewer or smaller ones.",
            code="references_too_large",
        )


def _all_references(request: DrawRequest) -> list[ReferenceImage]:
    earlier = [reference for turn in request.history for reference in turn.references]
    return [*earlier, *request.references]


def contents(request: DrawRequest) -> list[types.Content]:
    """What was said before in turn, then what is asked now."""
    said: list[types.Content] = []
    for turn in request.history:
        said.append(_asked(turn.prompt, turn.references))
        said.append(_answered(turn.said))
    return [*said, _asked(request.prompt, request.references)]


def _asked(prompt: str, references: Sequence[ReferenceImage]) -> types.Content:
    from google.genai import types

    pictures = [
        types.Part.from_bytes(data=each.data, mime_type=each.mime_type) for each in references
    ]
    return types.Content(role="user", parts=[types.Part.from_text(text=prompt), *pictures])


def _answered(said: Sequence[Json]) -> types.Content:
    """The model's own turn. Fields that this SDK does not know are left out: it rejects them."""
    from google.genai import types

    known = set(types.Part.model_fields) | {
        field.alias for field in types.Part.model_fields.values() if field.alias
    }
    parts = []
    for part in said:
        fields = {name: value for name, value in part.items() if name in known}
        if isinstance(signature := either(part, "thoughtSignature"), str):
            fields.pop("thoughtSignature", None)
            fields["thought_signature"] = decoded(signature)
        parts.append(types.Part.model_validate(fields))
    return types.Content(role="model", parts=parts)


def _blob(part: Json) -> bool:
    return "inlineData" in part


def config(request: DrawRequest) -> types.GenerateContentConfig:
    from google.genai import types

    return types.GenerateContentConfig(
        response_modalities=["TEXT", "IMAGE"],
        image_config=types.ImageConfig(
            aspect_ratio=request.aspect_ratio or None, image_size=request.image_size or None
        ),
        should_return_http_response=True,
        # Both would look for an answer that the SDK has not parsed.
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
    )


# --- the client ---------------------------------------------------------------------------------


def open_client() -> Client:
    """This process's client: kept, so that connections are, until the settings change."""
    wanted = (
        settings.GEMINI_API_KEY,
        settings.GEMINI_BASE_URL,
        settings.GEMINI_API_VERSION,
        settings.GEMINI_TIMEOUT_S,
        settings.GEMINI_USE_VERTEX,
        settings.GEMINI_VERTEX_PROJECT,
        settings.GEMINI_VERTEX_LOCATION,
    )
    with _lock:
        kept = _clients.get(os.getpid())
        if kept and kept[0] == wanted:
            return kept[1]
        try:
            client = _new_client()
        except Exception as error:  # missing credentials come in many shapes
            raise EngineFailed(
                "Gemini cannot be reached with these settings. Tell the site administrator.",
                code="not_configured",
                detail=without_key(str(error)),
            ) from None
        # A client that others still draw with closes when they are done.
        _clients[os.getpid()] = (wanted, client)
        return client


def _new_client() -> Client:
    from google.genai import Client, types

    timeout = settings.GEMINI_TIMEOUT_S
    vertex = bool(settings.GEMINI_USE_VERTEX)
    options = types.HttpOptions(
        base_url=settings.GEMINI_BASE_URL or None,
        # Vertex AI has versions of its own: there the SDK knows better.
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
    # Said outright, because the SDK otherwise asks the environment which of the two is meant.
    return Client(vertexai=vertex, api_key=settings.GEMINI_API_KEY, http_options=options)


# --- what went wrong on the way -----------------------------------------------------------------


def engine_error(error: Exception, model: str) -> Exception:
    """Our exception for one of the SDK's; the very same exception where it is nothing we know."""
    import httpx2
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.genai import errors

    detail = without_key(f"{type(error).__name__}: {error}")[:1000]
    if isinstance(error, errors.APIError):
        return _api_error(error, model)
    if isinstance(error, httpx2.TransportError):
        return _transport_error(error, detail)
    if isinstance(error, TransportError):
        return EngineUnavailable(_UNREACHABLE, code="unreachable", detail=detail)
    if isinstance(error, GoogleAuthError):
        return EngineFailed(
            "Google did not accept this site's credentials. Tell the site administrator.",
            code="bad_key",
            detail=detail,
        )
    if isinstance(error, httpx2.InvalidURL | httpx2.TooManyRedirects):
        return EngineFailed(
            "The address of Gemini in the settings is wrong. Tell the site administrator.",
            code="not_configured",
            detail=detail,
        )
    if isinstance(error, httpx2.RequestError | ValueError):  # an answer that cannot be decoded
        return EngineUnavailable(
            "Gemini's response was damaged. Retry.",
            code="bad_answer",
            detail=detail,
            may_have_been_paid=True,
        )
    return error


_UNREACHABLE = "Gemini cannot be reached at the moment. Retry in a few minutes."


def _transport_error(error: Exception, detail: str) -> EngineError:
    import httpx2

    if isinstance(error, httpx2.ReadTimeout):
        return EngineUnavailable(
            f"Gemini did not respond within {settings.GEMINI_TIMEOUT_S:g} seconds. "
            "Retry with a smaller size or fewer references.",
            code="timeout",
            detail=detail,
            may_have_been_paid=True,
        )
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return EngineFailed(
            "The address or the key of Gemini in the settings is wrong. Tell the site "
            "administrator.",
            code="not_configured",
            detail=detail,
        )
    # Whatever ended before the whole request was out cannot have been drawn.
    unsent = (
        httpx2.ConnectError
        | httpx2.ConnectTimeout
        | httpx2.PoolTimeout
        | httpx2.ProxyError
        | httpx2.WriteError
        | httpx2.WriteTimeout
    )
    if isinstance(error, unsent):
        return EngineUnavailable(_UNREACHABLE, code="unreachable", detail=detail)
    return EngineUnavailable(
        "The connection to Gemini was lost before the image arrived. Retry.",
        code="connection_lost",
        detail=detail,
        may_have_been_paid=True,
    )


def _api_error(error: errors.APIError, model: str) -> EngineError:
    body = error.details if isinstance(error.details, dict) else {}
    inner = body.get("error")
    details = inner.get("details") if isinstance(inner, dict) else None
    headers = getattr(error.response, "headers", None) or {}
    return answer.problem(
        int(error.code or 0),
        without_key(str(error.message or "")),
        details if isinstance(details, list) else [],
        model=model,
        retry_after=headers.get("retry-after", ""),
    )


def without_key(text: str) -> str:
    """Google quotes the key in some of its messages."""
    key = (settings.GEMINI_API_KEY or "").strip()
    return text.replace(key, "(the key)") if len(key) >= 8 else text
