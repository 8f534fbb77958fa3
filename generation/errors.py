"""What can go wrong when a picture is made, each with a sentence a person can act on."""

from __future__ import annotations

from typing import Any

from assetbank.errors import ProblemError


class GenerationError(ProblemError):
    """Base of everything the studio reports.

    `message` is a plain sentence for the person who asked, `code` a stable name for programs.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidRequest(GenerationError):
    """The request cannot be sent as it is: found by ourselves, before anything was paid."""

    def __init__(self, message: str, *, code: str = "invalid_request") -> None:
        super().__init__(message, code=code)


class ModelRetired(InvalidRequest):
    """The model is not there any more. `successor`: the id of the one to ask instead, or ""."""

    def __init__(self, message: str, *, successor: str) -> None:
        super().__init__(message, code="model_retired")
        self.successor = successor
        self.extra = {"successor": successor} if successor else {}


class EngineError(GenerationError):
    """An engine did not deliver.

    `retryable`: asking again, unchanged, may work. `retry_after`: seconds the service asked us to
    wait. `detail`: what the service said, for staff and logs; it never holds the API key.
    `may_have_been_paid`: the service may have drawn and billed although nothing usable arrived, so
    asking again may pay twice.
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
        self.usage: dict[str, Any] = {}  # what the service counted, where it answered


class Refused(EngineError):
    """The service answered and would not draw this. The request has to change.

    `whole_prompt`: nothing was drawn at all, and nothing would be if the same was asked again.
    """

    def __init__(
        self, message: str, *, code: str, detail: str = "", whole_prompt: bool = False
    ) -> None:
        super().__init__(message, code=code, retryable=False, detail=detail)
        self.whole_prompt = whole_prompt

    @classmethod
    def because(
        cls, reason: str, *, blocked: bool = False, said: str = "", detail: str = ""
    ) -> Refused:
        """The refusal for a finish reason of Gemini, or a block reason where `blocked`.

        `said` is the service's own sentence, quoted after ours when there is one.
        """
        code, message = REFUSALS.get(reason, ("refused", _UNEXPLAINED.format(reason=reason)))
        if said:
            message = f'{message} The service says: "{said}"'
        whole_prompt = blocked and reason in OF_THE_PROMPT
        return cls(message, code=code, detail=detail, whole_prompt=whole_prompt)


class EngineFailed(EngineError):
    """Asking again will not help until somebody changes the settings, the model or the request."""

    def __init__(self, message: str, *, code: str, detail: str = "") -> None:
        super().__init__(message, code=code, retryable=False, detail=detail)


class EngineUnavailable(EngineError):
    """The service or the way to it is down, busy or slow: the same request may work later."""

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
    "The model stopped without a picture and gave only the reason {reason}. "
    "Reword the prompt, or try other references."
)
_SAFETY = (
    "safety",
    "The safety filter stopped this picture. Take out anything violent, sexual, hateful or "
    "dangerous, and check the references for it too.",
)
_PROHIBITED = (
    "prohibited_content",
    "Google's usage policy does not allow this picture. Change what it shows; real people, "
    "children and other firms' characters or logos are common causes, in references too.",
)
_RECITATION = (
    "recitation",
    "The picture came too close to an existing work. Ask for something more your own: leave out "
    "names of artists, films, characters and famous pictures.",
)
_BLOCKLIST = (
    "blocklist",
    "A word in the prompt is on the service's list of forbidden terms. Use other words.",
)
_OTHER = (
    "not_drawn",
    "The model could not turn this prompt into a picture. Say more plainly what should be seen, "
    "or use fewer references.",
)
_MALFORMED = (
    "malformed",
    "The model lost its way and answered with something that is not a picture. "
    "Describe the picture in plain sentences, without instructions about tools or code.",
)
_POLICY = (
    "policy_filter",
    "A security filter of the service stopped the prompt. "
    "Describe only the picture, without instructions to the model about its rules.",
)

# Block reasons that are about what was sent; the others may be about a picture that was drawn
OF_THE_PROMPT = {"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "MODEL_ARMOR", "JAILBREAK"}

# Keys are Gemini's `blockReason` and `finishReason` names. A reason that means the same to the
# person who asked has the same code, so that programs need not know Gemini's names.
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
        "The prompt or the picture holds personal data, such as a card, passport or phone number. "
        "Remove it.",
    ),
    "LANGUAGE": (
        "language",
        "The model does not work in the language of the prompt. Write the prompt in English or "
        "another widely spoken language.",
    ),
    "MAX_TOKENS": (
        "too_long",
        "The model ran out of room before the picture was done. "
        "Shorten the prompt, use fewer references, or ask for a smaller size.",
    ),
    "NO_IMAGE": (
        "no_image",
        'The model did not draw. Begin the prompt with what should be drawn, for example "A '
        'photograph of ...".',
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
    # an answer to a picture that was to be gone on from
    "MISSING_THOUGHT_SIGNATURE": (
        "cannot_continue",
        "The model lacks its own notes on the picture that this goes on from. "
        "Start anew, with that picture among the references.",
    ),
    "CONTINUATION": (
        "unfinished",
        "The model broke off in the middle of its answer. "
        "Shorten the prompt, or use fewer references.",
    ),
    "PUP_LIMITED_DISABLED": (
        "account_limited",
        "Google has limited this account for breaking its usage policy. "
        "Tell whoever runs this site.",
    ),
}
