"""GIF: XMP in an application extension, which ends with bytes that make old readers skip it."""

from __future__ import annotations

from assetbank.media.metadata.containers.blocks import Piece

XMP = b"\x21\xff\x0bXMP DataXMP"
TRAILER = b"\x01\xff\xfe\xfd"


def find(data: bytes) -> list[Piece]:
    start = data.find(XMP)
    end = data.find(TRAILER, start)
    return [Piece("xmp", ((start + len(XMP), end),))] if 0 <= start < end else []
