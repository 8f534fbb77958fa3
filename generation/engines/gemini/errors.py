"""Turns exceptions of Google's SDK into the errors of `generation.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from generation.engines.gemini import response
from generation.errors import EngineError, EngineFailed, EngineUnavailable

if TYPE_CHECKING:
    from google.genai import errors

_UNREACHABLE = "Gemini cannot be reached at the moment. Retry in a few minutes."


def engine_error(error: Exception, model: str) -> Exception:
    """Return the error for an exception of the SDK; `error` itself if it is of no known kind."""
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
    if isinstance(error, httpx2.RequestError | ValueError):  # the answer cannot be decoded
        return EngineUnavailable(
            "Gemini's response was damaged. Retry.",
            code="bad_answer",
            detail=detail,
            may_have_been_paid=True,
        )
    return error


def _transport_error(error: Exception, detail: str) -> EngineError:
    """Return the error for a failed connection to the service. Its `may_have_been_paid` tells if
    the call may have been billed."""
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
            "The address or the key of Gemini in the settings is wrong. "
            "Tell the site administrator.",
            code="not_configured",
            detail=detail,
        )
    # If the request was not sent completely, nothing can have been drawn or billed.
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
    """Return the error for a response of the service with an error status."""
    body = error.details if isinstance(error.details, dict) else {}
    inner = body.get("error")
    details = inner.get("details") if isinstance(inner, dict) else None
    headers = getattr(error.response, "headers", None) or {}
    return response.status_error(
        int(error.code or 0),
        without_key(str(error.message or "")),
        details if isinstance(details, list) else [],
        model=model,
        retry_after=headers.get("retry-after", ""),
    )


def without_key(text: str) -> str:
    """Return the text with the API key replaced: Google quotes it in some of its messages."""
    key = (settings.GEMINI_API_KEY or "").strip()
    return text.replace(key, "(the key)") if len(key) >= 8 else text
