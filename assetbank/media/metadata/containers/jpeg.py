"""JPEG: metadata in APP1 (EXIF, XMP and its extension) and APP13 (Photoshop's image resources)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from assetbank.media.metadata.containers.blocks import MAX_PIECES, Piece
from assetbank.media.metadata.xmp import Packet

EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED, RESOURCES = b"http://ns.adobe.com/xmp/extension/\0", b"Photoshop 3.0\0"
APP1, APP13 = 0xE1, 0xED
MAX_SEGMENT = 65_533
START_OF_IMAGE = b"\xff\xd8\xff"


def find(data: bytes) -> list[Piece]:
    """Return the blocks of the image, and those of the images that follow it."""
    pieces, end = _image(data, 0)
    for _ in range(16):  # a phone's file has a few more: gain map, depth, second lens
        start = data.find(START_OF_IMAGE, end)
        if start < 0:
            break
        others, end = _image(data, start)
        pieces += [
            Piece("other exif" if piece.form == "exif" else "other xmp", piece.spans)
            for piece in others
            if piece.form in ("exif", "xmp", "extended")
        ]
        end = max(end, start + 2)
    return pieces


def _image(data: bytes, start: int) -> tuple[list[Piece], int]:
    """Return the blocks of the image at `start`, and where its segments end."""
    pieces: list[Piece] = []
    extended: dict[bytes, dict[int, tuple[int, int]]] = {}
    resources: list[tuple[int, int]] = []
    end = start + 2
    for marker, at, end in _segments(data, start):
        if marker == APP1 and data.startswith(EXIF, at):
            pieces.append(Piece("exif", ((at + len(EXIF), end),)))
        elif marker == APP1 and data.startswith(XMP, at):
            pieces.append(Piece("xmp", ((at + len(XMP), end),)))
        elif marker == APP1 and data.startswith(EXTENDED, at) and end - at > len(EXTENDED) + 40:
            head = at + len(EXTENDED)
            (offset,) = struct.unpack_from(">I", data, head + 36)
            extended.setdefault(data[head : head + 32], {})[offset] = (head + 40, end)
        elif marker == APP13 and data.startswith(RESOURCES, at):
            resources.append((at + len(RESOURCES), end))
    if resources:
        pieces.append(Piece("resources", tuple(resources)))
    pieces += [
        Piece("extended", tuple(parts[offset] for offset in sorted(parts)))
        for parts in extended.values()
    ]
    return pieces, end


def _segments(data: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of the content of each segment before the pixels."""
    at = start + 2
    for _ in range(MAX_PIECES):
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] in (0xDA, 0xD9):
            return
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if end < at + 4 or end > len(data):
            return
        yield data[at + 1], at + 4, end
        at = end


def embed(data: bytes, *, packet: Packet, exif: bytes, resources: bytes) -> bytes:
    """Return the file with these blocks in place of its own; pixels are not encoded again."""
    kept, at = [data[:2]], 2
    xmp, extended = packet.split(MAX_SEGMENT - len(XMP))
    new = _segment(APP1, EXIF, exif) + _segment(APP1, XMP, xmp) + _split(resources)
    new += _extension(extended)
    for marker, start, end in _segments(data, 0):
        ours = (marker == APP1 and data.startswith((EXIF, XMP, EXTENDED), start)) or (
            marker == APP13 and data.startswith(RESOURCES, start)
        )
        if not ours:
            kept.append(data[at:end])
        if len(kept) == 2 and new and marker == 0xE0:  # JFIF must be the first segment
            kept.append(new)
            new = b""
        at = end
    kept.insert(1, new)
    return b"".join(kept) + data[at:]


def _split(resources: bytes) -> bytes:
    """Return the image resources as segments, of which each but the last is full."""
    most = MAX_SEGMENT - len(RESOURCES)
    parts = [resources[at : at + most] for at in range(0, len(resources), most)]
    return b"".join(_segment(APP13, RESOURCES, part) for part in parts)


def _extension(extended: bytes) -> bytes:
    """Return the second XMP packet as segments, each with its MD5, its length and an offset."""
    name = hashlib.md5(extended, usedforsecurity=False).hexdigest().upper().encode()
    most = MAX_SEGMENT - len(EXTENDED) - 40
    return b"".join(
        _segment(
            APP1,
            EXTENDED + name + struct.pack(">II", len(extended), at),
            extended[at : at + most],
        )
        for at in range(0, len(extended), most)
    )


def _segment(marker: int, head: bytes, content: bytes) -> bytes:
    if not content or len(head) + len(content) > MAX_SEGMENT:
        return b""
    return struct.pack(">BBH", 0xFF, marker, len(head) + len(content) + 2) + head + content
