"""Errors of the studio, each with a sentence that the user can act on."""

from __future__ import annotations

from typing import Any

from assetbank.errors import ProblemError


class GenerationError(ProblemError):
    """Base class of the studio's errors.

    `message` is a plain sentence for the user, `code` a stable name for programs.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidRequest(GenerationError):
    """Error for a request that cannot be sent to an engine as it is; raised before anything was
    billed."""

    def __init__(self, message: str, *, code: str = "invalid_request") -> None:
        super().__init__(message, code=code)


class ModelRetired(InvalidRequest):
    """Error for a model that is no longer available. `successor` is the id of the model to use
    instead, or ""."""

    def __init__(self, message: str, *, successor: str) -> None:
        super().__init__(message, code="model_retired")
        self.successor = successor
        self.extra = {"successor": successor} if successor else {}


class EngineError(GenerationError):
    """Error for an engine that did not deliver an image.

    `retryable`: the unchanged request may succeed later. `retry_after`: seconds that the service
    asked to wait. `detail`: the service's message for staff and logs; it never holds the API key.
    `may_have_been_paid`: the service may have drawn and billed although nothing usable arrived, so
    a retry may be billed twice.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        retryable: bool,
        retry_after: float | None = None,
        detail: str = "",
        may_have_been_paid: bool = False,
    ) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable
        self.retry_after = retry_after
        self.detail = detail
        self.may_have_been_paid = may_have_been_paid
        self.usage: dict[str, Any] = {}  # the counts of the service, if it answered


class Refused(EngineError):
    """Error for an answer without an image: the service refuses the request, which has to change.

    `whole_prompt`: the prompt itself was refused, so nothing was drawn, and a retry of the same
    prompt would be refused, too.
    """

    def __init__(
        self, message: str, *, code: str, detail: str = "", whole_prompt: bool = False
    ) -> None:
        super().__init__(message, code=code, retryable=False, detail=detail)
        self.whole_prompt = whole_prompt

    @classmethod
    def because(
        cls, reason: str, *, blocked: bool = False, service_message: str = "", detail: str = ""
    ) -> Refused:
        """Return the refusal for a finish reason of Gemini, or for a block reason if `blocked`.

        `service_message` is quoted after our own sentence, if there is one.
        """
        code, message = REFUSALS.get(reason, ("refused", _UNEXPLAINED.format(reason=reason)))
        if service_message:
            message = f'{message} The provider says: "{service_message}"'
        whole_prompt = blocked and reason in PROMPT_BLOCK_REASONS
        return cls(message, code=code, detail=detail, whole_prompt=whole_prompt)


class EngineFailed(EngineError):
    """Error of an engine that a retry of the same request cannot solve: the settings, the model or
    the request must change."""

    def __init__(self, message: str, *, code: str, detail: str = "") -> None:
        super().__init__(message, code=code, retryable=False, detail=detail)


class EngineUnavailable(EngineError):
    """Error of an engine that is unavailable, busy or slow: the same request may succeed later."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        retry_after: float | None = None,
        detail: str = "",
        may_have_been_paid: bool = False,
    ) -> None:
        super().__init__(
            message,
            code=code,
            retryable=True,
            retry_after=retry_after,
            detail=detail,
            may_have_been_paid=may_have_been_paid,
        )


_UNEXPLAINED = (
    "The model stopped without an image and gave only the reason {reason}. Reword the prompt, "
    "or use other references."
)
_SAFETY = (
    "safety",
    "The safety filter blocked this image. Remove anything violent, sexual, hateful or "
    "dangerous, and check the references for it too.",
)
_PROHIBITED = (
    "prohibited_content",
    "Google's usage policy does not allow this image. Change what it shows; real people, "
    "children and other companies' characters or logos are common causes, in references too.",
)
_RECITATION = (
    "recitation",
    "The image is too similar to an existing work. Make the prompt more original: avoid names "
    "of artists, films, characters and famous images.",
)
_BLOCKLIST = (
    "blocklist",
    "The prompt contains a term on the provider's blocklist. Use other words.",
)
_OTHER = (
    "not_drawn",
    "The model could not turn this prompt into an image. Describe it more plainly, or use "
    "fewer references.",
)
_MALFORMED = (
    "malformed",
    "The model answered with something that is not an image. Describe the image in plain "
    "sentences, without instructions about tools or code.",
)
_POLICY = (
    "policy_filter",
    "A security filter of the provider blocked the prompt. Describe only the image, without "
    "instructions to the model about its rules.",
)

# Block reasons about the prompt; the others may be about an image that was drawn
PROMPT_BLOCK_REASONS = {"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "MODEL_ARMOR", "JAILBREAK"}

# Code and sentence by Gemini's `blockReason` or `finishReason`. Reasons that mean the same to the
# user share a code, so that programs need not know Gemini's names.
REFUSALS: dict[str, tuple[str, str]] = {
    "SAFETY": _SAFETY,
    "IMAGE_SAFETY": _SAFETY,
    "PROHIBITED_CONTENT": _PROHIBITED,
    "IMAGE_PROHIBITED_CONTENT": _PROHIBITED,
    "RECITATION": _RECITATION,
    "IMAGE_RECITATION": _RECITATION,
    "BLOCKLIST": _BLOCKLIST,
    "SPII": (
        "personal_data",
        "The prompt or the image contains personal data, such as a card, passport or phone "
        "number. Remove it.",
    ),
    "LANGUAGE": (
        "language",
        "The model does not support the language of the prompt. Write the prompt in English "
        "or another widely spoken language.",
    ),
    "MAX_TOKENS": (
        "too_long",
        "The model reached its token limit before the image was complete. Shorten the prompt, "
        "use fewer references, or choose a smaller size.",
    ),
    "NO_IMAGE": (
        "no_image",
        "The model returned no image. Begin the prompt with the image to generate, for "
        'example "A photograph of ...".',
    ),
    "OTHER": _OTHER,
    "IMAGE_OTHER": _OTHER,
    "FINISH_REASON_UNSPECIFIED": _OTHER,
    "BLOCK_REASON_UNSPECIFIED": _OTHER,
    "BLOCKED_REASON_UNSPECIFIED": _OTHER,
    "MALFORMED_FUNCTION_CALL": _MALFORMED,
    "MALFORMED_RESPONSE": _MALFORMED,
    "UNEXPECTED_TOOL_CALL": _MALFORMED,
    "TOO_MANY_TOOL_CALLS": _MALFORMED,
    "MODEL_ARMOR": _POLICY,
    "JAILBREAK": _POLICY,
    "ESCALATION": _POLICY,
    # Only when a conversation about an image continues
    "MISSING_THOUGHT_SIGNATURE": (
        "cannot_continue",
        "The model lacks its own data on the image to edit. Start a new generation with that "
        "image as a reference.",
    ),
    "CONTINUATION": (
        "unfinished",
        "The model stopped in the middle of its response. Shorten the prompt, or use fewer "
        "references.",
    ),
    "PUP_LIMITED_DISABLED": (
        "account_limited",
        "Google has restricted this account for violating its usage policy. Tell the site "
        "administrator.",
    ),
}
