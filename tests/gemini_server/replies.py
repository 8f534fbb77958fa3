"""Replies of the stand-in, and errors of the Gemini API as captured."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

GOOGLE = "type.googleapis.com/google.rpc."
HELP = "https://ai.google.dev/gemini-api/docs/rate-limits"
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more "
    f"information on this error, head to: {HELP}.\n* Quota exceeded for metric: "
    "generativelanguage.googleapis.com/generate_content_free_tier_requests, "
    "limit: {limit}, model: {model}\nPlease retry in {delay}s."
)


@dataclass(frozen=True)
class Reply:
    """HTTP reply. `wait` is a delay in seconds before it; `ending` says how the connection ends."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0
    ending: Literal["whole", "half", "dropped", "hang"] = "whole"


def as_json(body: Json, status: int = 200) -> Reply:
    """Return a reply with a JSON body."""
    return Reply(body=json.dumps(body, indent=2).encode(), status=status)


def error(
    name: str,
    *,
    model: str = "gemini-3-pro-image",
    version: str = "v1beta",
    message: str = "",
    field: str = "",
    key: str = "",
) -> Reply:
    """Return the reply of that name in ERRORS, with the given model, version, message and field."""
    code, status, text, details = ERRORS[name]
    filled = (message or text).replace("{model}", model).replace("{version}", version)
    body: Json = {"code": code, "message": filled.replace("{key}", key), "status": status}
    if field:
        violation = {"field": field, "description": filled}
        details = [{"@type": f"{GOOGLE}BadRequest", "fieldViolations": [violation]}]
    if details:
        body["details"] = json.loads(json.dumps(details).replace("{model}", model))
    return as_json({"error": body}, code)


def _quota(quota_id: str, value: str, delay: str) -> list[Json]:
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": quota_id,
        "quotaDimensions": {"location": "global", "model": "{model}"},
        "quotaValue": value,
    }
    return [
        {
            "@type": f"{GOOGLE}Help",
            "links": [{"description": "Learn more about Gemini API quotas", "url": HELP}],
        },
        {"@type": f"{GOOGLE}QuotaFailure", "violations": [violation]},
        {"@type": f"{GOOGLE}RetryInfo", "retryDelay": delay},
    ]


def _quota_text(limit: int, delay: str) -> str:
    return QUOTA.replace("{limit}", str(limit)).replace("{delay}", delay)


_INVALID_KEY = "API key not valid. Please pass a valid API key."
_PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
_PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"

# Name: HTTP status, canonical status, message, details.
ERRORS: dict[str, tuple[int, str, str, list[Json]]] = {
    "bad_key": (
        400,
        "INVALID_ARGUMENT",
        _INVALID_KEY,
        [
            {
                "@type": f"{GOOGLE}ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
            {
                "@type": f"{GOOGLE}LocalizedMessage",
                "locale": "en-US",
                "message": _INVALID_KEY,
            },
        ],
    ),
    "bad_argument": (
        400,
        "INVALID_ARGUMENT",
        "Request contains an invalid argument.",
        [],
    ),
    "deadline_too_short": (
        400,
        "INVALID_ARGUMENT",
        "Manually set deadline 5s is too short. Minimum allowed deadline is 10s.",
        [],
    ),
    "bad_reference": (
        400,
        "INVALID_ARGUMENT",
        "Unable to process input image. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
        [],
    ),
    "location": (
        400,
        "FAILED_PRECONDITION",
        "User location is not supported for the API use.",
        [],
    ),
    "no_key": (
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
        [],
    ),
    "leaked_key": (
        403,
        "PERMISSION_DENIED",
        "Your API key was reported as leaked. Please use another API key.",
        [],
    ),
    "suspended_key": (
        403,
        "PERMISSION_DENIED",
        "Permission denied: Consumer 'api_key:{key}' has been suspended.",
        [],
    ),
    "no_permission": (403, "PERMISSION_DENIED", "The caller does not have permission", []),
    "model_not_found": (
        404,
        "NOT_FOUND",
        "models/{model} is not found for API version {version}, or is not supported for "
        "generateContent. Call ModelService.ListModels to see the list of available models and "
        "their supported methods.",
        [],
    ),
    "model_retired": (
        404,
        "NOT_FOUND",
        "This model models/{model} is no longer available to new users. Please update your code "
        "to use a newer model for the latest features and improvements.",
        [],
    ),
    "rate_limited": (
        429,
        "RESOURCE_EXHAUSTED",
        _quota_text(10, "10.67"),
        _quota(_PER_MINUTE, "10", "10s"),
    ),
    "odd_letters": (400, "INVALID_ARGUMENT", "Not\0 this \ud83d prompt.", []),
    "rate_limited_for_hours": (
        429,
        "RESOURCE_EXHAUSTED",
        _quota_text(10, "36000"),
        _quota(_PER_MINUTE, "10", "36000s"),
    ),
    "rate_limited_in_words": (429, "RESOURCE_EXHAUSTED", _quota_text(10, "10.67"), []),
    "daily_quota": (
        429,
        "RESOURCE_EXHAUSTED",
        _quota_text(100, "38.1"),
        _quota(_PER_DAY, "100", "38s"),
    ),
    "no_quota": (
        429,
        "RESOURCE_EXHAUSTED",
        _quota_text(0, "10.67"),
        _quota(_PER_MINUTE, "", "10s"),
    ),
    "spending_cap": (
        429,
        "RESOURCE_EXHAUSTED",
        "Your project has exceeded its monthly spending cap. Please go to AI Studio at "
        "https://ai.studio/spend to manage your project spend cap.",
        [],
    ),
    "internal_error": (
        500,
        "INTERNAL",
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
        [],
    ),
    "overloaded": (
        503,
        "UNAVAILABLE",
        "This model is currently experiencing high demand. Spikes in demand are usually "
        "temporary. Please try again later.",
        [],
    ),
    "deadline_exceeded": (
        504,
        "DEADLINE_EXCEEDED",
        "Deadline expired before operation could complete.",
        [],
    ),
}
