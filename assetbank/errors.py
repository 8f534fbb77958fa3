"""Errors of the library, each with a sentence that a user can act on and a stable code."""

from __future__ import annotations


class ProblemError(Exception):
    """An error that is reported to users and API clients.

    `message` is a sentence for the user, `code` a stable word for programs, `status` the HTTP
    status, and `extra` holds further fields of the API's error response, by name.
    """

    code: str = "problem"
    status: int = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.extra: dict[str, str] = {}


class PictureRefused(ProblemError):
    """The bytes are not an image that is supported."""

    code = "picture_refused"


class PictureTooLarge(PictureRefused):
    code = "picture_too_large"
    status = 413


class NotAllowed(ProblemError):
    """The user lacks the permission."""

    code = "not_allowed"
    status = 403


class FileMissing(ProblemError):
    """The storage has no file for an asset, or is unavailable."""

    code = "file_missing"
    status = 503


class RequestTooLarge(ProblemError):
    code = "too_large"
    status = 413


class LengthUnknown(ProblemError):
    code = "length_required"
    status = 411


class Conflict(ProblemError):
    """Another request made a conflicting change first."""

    code = "conflict"
    status = 409


class InvalidAsset(ProblemError):
    code = "invalid_asset"


class AssetGone(ProblemError):
    code = "not_found"
    status = 404


class AssetInTrash(ProblemError):
    """The brand has a file already, but its asset is in the trash; `extra` says how to restore."""

    code = "in_trash"
    status = 409


class CannotApprove(ProblemError):
    """An asset cannot be approved: because of its terms, its brand check, or the user."""

    code = "cannot_approve"
    status = 409


class TooManyAttempts(ProblemError):
    code = "too_many_attempts"
    status = 429
