"""What can go wrong, each with a sentence that a person can act on and a stable code."""

from __future__ import annotations


class ProblemError(Exception):
    """A sentence for people in `message`, a stable word for programs in `code`, an HTTP status;
    `told`: what else programs are told, by name."""

    code: str = "problem"
    status: int = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.told: dict[str, str] = {}


class PictureRefused(ProblemError):
    """The bytes are not a picture that the library takes."""

    code = "picture_refused"


class PictureTooLarge(PictureRefused):
    code = "picture_too_large"
    status = 413


class NotAllowed(ProblemError):
    """The person may not do this."""

    code = "not_allowed"
    status = 403


class FileMissing(ProblemError):
    """The storage has no bytes for an asset, or does not answer."""

    code = "file_missing"
    status = 503


class RequestTooLarge(ProblemError):
    code = "too_large"
    status = 413


class LengthUnknown(ProblemError):
    code = "length_required"
    status = 411


class Conflict(ProblemError):
    """Two people changed the same thing at the same moment, and this one came second."""

    code = "conflict"
    status = 409


class InvalidAsset(ProblemError):
    code = "invalid_asset"


class AssetGone(ProblemError):
    code = "not_found"
    status = 404


class CannotApprove(ProblemError):
    """Something stands against approving an asset: its rights, its findings, who asks."""

    code = "cannot_approve"
    status = 409


class TooManyAttempts(ProblemError):
    code = "too_many_attempts"
    status = 429
