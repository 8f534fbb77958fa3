"""WebP: metadata in chunks of its RIFF, and flags for them in the extended header."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from assetbank.media.metadata.containers.blocks import MAX_PIECES, Piece

EXIF_FLAG, XMP_FLAG, ALPHA_FLAG = 0x08, 0x04, 0x10
EXIF_PREFIX = b"Exif\0\0"


def find(data: bytes) -> list[Piece]:
    pieces: list[Piece] = []
    for name, start, end in _chunks(data):
        if name == b"EXIF":
            skipped = len(EXIF_PREFIX) if data.startswith(EXIF_PREFIX, start) else 0
            pieces.append(Piece("exif", ((start + skipped, end),)))
        elif name == b"XMP ":
            pieces.append(Piece("xmp", ((start, end),)))
    return pieces


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 12
    for _ in range(10 * MAX_PIECES):  # each frame of an animation is a chunk
        if at + 8 > len(data):
            return
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, at + 8, min(at + 8 + size, len(data))
        at += 8 + size + size % 2


def embed(data: bytes, *, xmp: bytes, exif: bytes) -> bytes:
    """Return the file with these blocks in place of its own."""
    chunks = [(name, data[start:end]) for name, start, end in _chunks(data)]
    head = next((content for name, content in chunks if name == b"VP8X"), None)
    if head is None:
        if not (xmp or exif):
            return data
        head = _extended_header(*chunks[0])
    flags = head[0] & ~(EXIF_FLAG | XMP_FLAG)
    flags |= EXIF_FLAG * bool(exif) | XMP_FLAG * bool(xmp)
    body = b"WEBP" + _chunk(b"VP8X", bytes([flags]) + head[1:])
    others = [chunk for chunk in chunks if chunk[0] not in (b"VP8X", b"EXIF", b"XMP ")]
    body += b"".join(_chunk(*chunk) for chunk in others)
    body += _chunk(b"EXIF", exif) if exif else b""
    body += _chunk(b"XMP ", xmp) if xmp else b""
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _extended_header(name: bytes, frame: bytes) -> bytes:
    """Return the content of the extended header for a file with one frame, lossy or lossless."""
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<I", frame, 1)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags = ALPHA_FLAG if bits >> 28 & 1 else 0
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", frame, 6))
        flags = 0
    sides = b"".join(struct.pack("<I", side - 1)[:3] for side in (width, height))
    return bytes([flags, 0, 0, 0]) + sides


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
