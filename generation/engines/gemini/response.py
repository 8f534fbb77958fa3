"""Parses Gemini's answers without the SDK: images, refusals and errors.

Bodies are parsed leniently, because `content` may be missing, empty or null, fields come in camel
and snake case, and reasons are added to the API without notice.
"""

from __future__ import annotations

import json
import re
from typing import Any

from generation.engines.base import Drawing, DrawnImage
from generation.engines.gemini import turns
from generation.engines.gemini.json_fields import (
    Json,
    decode_base64,
    dict_of,
    dicts,
    get_field,
    loads,
    storable,
)
from generation.errors import EngineError, EngineFailed, EngineUnavailable, Refused


def read(body: bytes) -> Drawing:
    """Return the drawing in the body of an answer. Raises EngineError if there is none."""
    answer = _parse(body)
    candidates = dicts(answer.get("candidates"))
    parts = [
        part for each in candidates for part in dicts(dict_of(each.get("content")).get("parts"))
    ]
    images, drafts, broken = _images(parts)
    text = "".join(str(part.get("text") or "") for part in parts if not part.get("thought")).strip()
    usage = dict_of(get_field(answer, "usageMetadata"))
    if not (images or drafts):
        error: EngineError = _refusal(answer, candidates, text, body)
        if broken:
            error = EngineUnavailable(
                "Gemini sent a damaged image. Retry.",
                code="bad_image",
                detail=f"{broken} of {len(parts)} parts hold an image that is not base64.",
                may_have_been_paid=True,
            )
        error.usage = usage
        raise error
    # Drafts are flagged as thoughts; occasionally the final image is, too.
    final = tuple(images or drafts[-1:])
    return Drawing(
        images=final,
        text=text,
        usage=usage,
        model_version=str(get_field(answer, "modelVersion") or ""),
        response_id=str(get_field(answer, "responseId") or ""),
        raw=body,
        parts=tuple(turns.to_stored(parts, final)),
    )


def _parse(body: bytes) -> Json:
    """Return the answer as JSON. Raises EngineError if it is none, or an error with status 200."""
    try:
        answer = loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        # A page from a proxy costs nothing; an answer that was cut short may have been billed.
        cut_short = body.lstrip().startswith(b"{")
        raise EngineUnavailable(
            "Gemini's response was damaged. Retry.",
            code="bad_answer",
            detail=body[:500].decode(errors="replace"),
            may_have_been_paid=cut_short,
        )
    if isinstance(error := answer.get("error"), dict):
        code = error.get("code")
        message = str(error.get("message") or "")
        raise status_error(
            code if isinstance(code, int) else 0, message, dicts(error.get("details"))
        )
    return answer


def _images(parts: list[Json]) -> tuple[list[DrawnImage], list[DrawnImage], int]:
    """Return the images in the parts of an answer: the final ones, those flagged as thoughts, and
    the number of images that are not base64.

    The bytes are not checked here: the library decides if they are an image, once they are stored.
    """
    images: list[DrawnImage] = []
    drafts: list[DrawnImage] = []
    broken = 0
    for part in parts:
        blob = dict_of(get_field(part, "inlineData"))
        if not blob.get("data"):
            continue
        data = decode_base64(str(blob["data"]))
        if data is None:
            broken += 1
            continue
        image = DrawnImage(data, str(get_field(blob, "mimeType") or ""))
        (drafts if part.get("thought") else images).append(image)
    return images, drafts, broken


# --- refusals: an answer without an image -------------------------------------------------------


def _refusal(answer: Json, candidates: list[Json], text: str, body: bytes) -> Refused:
    """Return the refusal in an answer without images: its block or finish reason, or its text."""
    detail = body[:2000].decode(errors="replace")
    feedback = dict_of(get_field(answer, "promptFeedback"))
    if reason := get_field(feedback, "blockReason"):
        message = _shortened(str(get_field(feedback, "blockReasonMessage") or ""))
        return Refused.because(str(reason), blocked=True, service_message=message, detail=detail)
    first = candidates[0] if candidates else {}
    reason = str(get_field(first, "finishReason") or "STOP")
    message = _shortened(str(get_field(first, "finishMessage") or "") or text)
    if reason != "STOP":
        return Refused.because(reason, service_message=message, detail=detail)
    if text:
        return Refused(
            f'The model answered with text instead of an image: "{_shortened(text)}" State '
            "clearly which image to generate.",
            code="text_only",
            detail=detail,
        )
    return Refused(
        "The model returned nothing. Reword the prompt, or use other references.",
        code="empty_answer",
        detail=detail,
    )


# --- errors: an answer with a status ------------------------------------------------------------

# Pattern, code and sentence for messages of a 4xx: the first pattern that matches decides.
_FAILURES: tuple[tuple[str, str, str], ...] = (
    (
        r"reported as leaked",
        "leaked_key",
        "Google has blocked this site's API key because it was made public. The site "
        "administrator must set a new one.",
    ),
    (
        r"API key|API_KEY|unregistered callers|has been suspended|authentication cred",
        "bad_key",
        "Google does not accept this site's API key. The site administrator must check it.",
    ),
    (
        r"location is not supported",
        "location",
        "Google does not offer Gemini in the country in which this site runs. The site "
        "administrator can use Vertex AI instead.",
    ),
    (
        r"deadline .{0,40}too short",
        "timeout_too_short",
        "The timeout for Gemini in the settings is too short. The site administrator must "
        "raise GEMINI_TIMEOUT_S.",
    ),
    (
        r"no longer available|has been (retired|deprecated|shut down)",
        "model_retired",
        "Google has retired the model {model}. Choose another model.",
    ),
    (
        r"models/\S+ is not found|model .{0,200}not found|not supported for generateContent",
        "model_not_found",
        "Google has no model {model}. Choose another model.",
    ),
    (
        r"payload size|request (entity|body)? ?(is )?too large",
        "references_too_large",
        "The references are too large in total. Use fewer or smaller ones.",
    ),
    (
        r"process input image|image is not valid|Unsupported MIME type|image data",
        "bad_reference",
        "Gemini cannot read one of the references. Remove them one by one to find out which.",
    ),
    (
        r"billing|spending cap|credits are depleted",
        "no_credit",
        "This site's Google account has a billing problem. Tell the site administrator.",
    ),
)

# Code and sentence by status.
_BUSY = "Gemini is overloaded at the moment. Retry in a few minutes."
_DOWN = "Gemini had an internal error. Retry in a few minutes."
_UNAVAILABLE: dict[int, tuple[str, str]] = {
    408: ("service_slow", _BUSY),
    499: ("service_slow", _BUSY),
    500: ("service_error", _DOWN),
    502: ("service_error", _DOWN),
    503: ("overloaded", _BUSY),
    504: ("service_slow", "Gemini did not finish in time. Retry with a smaller size."),
}


def status_error(
    status: int, message: str, details: list[Any], *, model: str = "", retry_after: str = ""
) -> EngineError:
    """Return the error for an answer with an error status.

    `details` are the error's `google.rpc` messages, `retry_after` is the header of that name.
    """
    message = storable(message)
    detail = f"{status}: {message}"[:1000]
    if status == 429:
        return _quota(message, dicts(details), detail, retry_after)
    if status >= 500 or status in _UNAVAILABLE:
        code, sentence = _UNAVAILABLE.get(status, ("service_error", _DOWN))
        return EngineUnavailable(
            sentence, code=code, retry_after=_seconds(retry_after), detail=detail
        )
    searched = f"{message} {json.dumps(details)}"
    for pattern, code, sentence in _FAILURES:
        if re.search(pattern, searched, re.IGNORECASE | re.DOTALL):
            return EngineFailed(sentence.format(model=model), code=code, detail=detail)
    if status == 400:
        return EngineFailed(
            f'Gemini does not accept this request. It says: "{_shortened(message)}"',
            code="bad_argument",
            detail=detail,
        )
    if status in (401, 403):
        return EngineFailed(
            "This site does not have permission to use Gemini for this. The site administrator "
            f'must check the key and its permissions. Google says: "{_shortened(message)}"',
            code="no_permission",
            detail=detail,
        )
    return EngineFailed(
        f"Gemini answered with status {status}: its address or version in the settings may be "
        "wrong. Tell the site administrator.",
        code="unexpected_answer",
        detail=detail,
    )


def _quota(message: str, details: list[Json], detail: str, retry_after: str) -> EngineError:
    """Return the error for status 429: no quota at all, the daily one, no credit, or too fast."""
    violations = [each for entry in details for each in dicts(entry.get("violations"))]
    quotas = [str(each.get("quotaId") or "") for each in violations]
    no_quota = any(str(each.get("quotaValue")) == "0" for each in violations)
    if no_quota or re.search(r"limit:\s*0(?![\d.])", message):
        return EngineFailed(
            "This site's Google account has no quota for this model. Choose another model, or "
            "tell the site administrator.",
            code="no_quota",
            detail=detail,
        )
    if any("PerDay" in quota for quota in quotas):
        return EngineFailed(
            "Today's quota for this model is used up. Retry tomorrow, or choose another model.",
            code="daily_quota",
            detail=detail,
        )
    if re.search(r"spending cap|credits are depleted", message, re.IGNORECASE):
        return EngineFailed(
            "This site's Google account has a billing problem. Tell the site administrator.",
            code="no_credit",
            detail=detail,
        )
    delays = [str(entry["retryDelay"]) for entry in details if entry.get("retryDelay")]
    in_message = re.search(r"retry in ([\d.]+)s", message)
    delay = delays[0] if delays else in_message[1] if in_message else retry_after
    return EngineUnavailable(
        "Gemini has reached the rate limit of this site. Retry in a minute.",
        code="rate_limited",
        retry_after=_seconds(delay),
        detail=detail,
    )


# --- reading ------------------------------------------------------------------------------------


def _seconds(text: str) -> float | None:
    """Parse a number of seconds such as "38.1s" or "10"; return None if it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\.?s?", text.strip())
    return float(match[1]) if match else None


def _shortened(text: str, limit: int = 240) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[:limit].rsplit(' ', 1)[0]} ..."
