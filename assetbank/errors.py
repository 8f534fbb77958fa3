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

    def field_errors(self) -> dict[str, list[str]]:
        """Return sentences by field, for the `errors` of the API's error response."""
        return {}


class PictureRefused(ProblemError):
    """The bytes are not an image that is supported."""

    code = "picture_refused"


class PictureTooLarge(PictureRefused):
    code = "picture_too_large"
    status = 413


class PictureUnsupported(PictureRefused):
    """The bytes are no image, or one of a format or kind that is not read."""

    code = "picture_unsupported"
    status = 415


class PictureDamaged(PictureRefused):
    """The bytes are an image of a supported format that ends early or is broken."""

    code = "picture_damaged"


def refusal_named(name: str, sentence: str) -> PictureRefused:
    """Return the refusal whose class has this name; PictureRefused if there is none."""
    kinds = {kind.__name__: kind for kind in PictureRefused.__subclasses__()}
    return kinds.get(name, PictureRefused)(sentence)


class NotAllowed(ProblemError):
    """The user lacks the permission."""

    code = "not_allowed"
    status = 403


class FileMissing(ProblemError):
    """The storage has no file for an asset, or is unavailable."""

    code = "file_missing"
    status = 503


class DecoderUnavailable(FileMissing):
    """No process can decode images at the moment; whoever waits for a file retries later."""

    code = "decoder_unavailable"


class OriginalMissing(FileMissing):
    """The storage answers, and has no original for an asset."""


class FileNotRead(ProblemError):
    """A file of an imported folder cannot be read now."""

    code = "file_not_read"


class InvalidTable(ProblemError):
    """A table with metadata of files cannot be used."""

    code = "invalid_table"


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


class SameFile(Conflict):
    """The file is already the current file of this asset, or that of another one of the brand."""

    code = "same_file"


class InvalidAsset(ProblemError):
    code = "invalid_asset"


class InvalidFields(InvalidAsset):
    """Values of custom fields are invalid; `errors` has a sentence for each field, by its name."""

    code = "invalid_fields"

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors

    def field_errors(self) -> dict[str, list[str]]:
        return {f"fields.{name}": [sentence] for name, sentence in self.errors.items()}


class FieldRefused(ProblemError):
    """A custom field cannot be defined or changed like this."""

    code = "invalid_field"


class InvalidRow(ProblemError):
    """A row or a header of a CSV is invalid; `errors` has a sentence for each column."""

    code = "invalid_row"

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors

    def field_errors(self) -> dict[str, list[str]]:
        return {column: [sentence] for column, sentence in self.errors.items()}


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
