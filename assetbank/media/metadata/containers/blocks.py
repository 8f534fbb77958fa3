"""Blocks of metadata, as bytes, and their places in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Form = Literal["xmp", "extended", "exif", "resources", "iim", "other exif", "other xmp"]
MAX_PIECES = 2_000


class Piece(NamedTuple):
    """A block in a file: the parts of it, as (start, end) of bytes that follow one another.

    "extended" is a JPEG's second XMP packet, "resources" are Photoshop's image resources. "other":
    of an image that is not the file's first.
    """

    form: Form
    spans: tuple[tuple[int, int], ...]

    def join(self, data: bytes) -> bytes:
        if self.spans == ((0, len(data)),):
            return data
        return b"".join(data[start:end] for start, end in self.spans)


@dataclass(frozen=True)
class Blocks:
    """The metadata of a file: `exif` is a TIFF structure, `texts` are those of a PNG."""

    xmp: tuple[bytes, ...] = ()
    exif: bytes = b""
    resources: bytes = b""
    iim: bytes = b""
    texts: Mapping[str, str] = field(default_factory=dict)


def blocks_of(data: bytes, pieces: list[Piece]) -> Blocks:
    """Return the blocks of the file's first image."""

    def joined(form: Form) -> list[bytes]:
        return [piece.join(data) for piece in pieces if piece.form == form]

    return Blocks(
        (*joined("xmp")[:1], *joined("extended")),
        next(iter(joined("exif")), b""),
        b"".join(joined("resources")),
        b"".join(joined("iim")),
    )
