"""Files made of boxes: HEIC and AVIF, whose metadata are items, and JP2 with boxes of a UUID."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assetbank.media.metadata.containers.blocks import MAX_PIECES, Piece

JP2 = b"\0\0\0\x0cjP  "
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
IIM_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
EXIF_UUIDS = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the content of each box."""
    for _ in range(MAX_PIECES):
        if at + 8 > end:
            return
        size, name, head = _number(data, at, 4), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = _number(data, at + 8, 8), 16
        stop = end if size == 0 else at + size
        if stop < at + head or stop > end:
            return
        yield name, at + head, stop
        at = stop


def find_in_jp2(data: bytes) -> list[Piece]:
    pieces: list[Piece] = []
    for name, start, end in _boxes(data, 0, len(data)):
        if name != b"uuid":
            continue
        key = data[start : start + 16]
        if key == XMP_UUID:
            pieces.append(Piece("xmp", ((start + 16, end),)))
        elif key == IIM_UUID:
            pieces.append(Piece("iim", ((start + 16, end),)))
        elif key in EXIF_UUIDS:
            skipped = 22 if data.startswith(b"Exif\0\0", start + 16) else 16
            pieces.append(Piece("exif", ((start + skipped, end),)))
    return pieces


def find_in_heif(data: bytes) -> list[Piece]:
    """Return the blocks that the items of HEIC and AVIF hold."""
    meta = next((box for box in _boxes(data, 0, len(data)) if box[0] == b"meta"), None)
    if meta is None:
        return []
    inner = {name: (start, end) for name, start, end in _boxes(data, meta[1] + 4, meta[2])}
    if b"iinf" not in inner or b"iloc" not in inner:
        return []
    kinds = dict(_item_kinds(data, *inner[b"iinf"]))
    idat = inner.get(b"idat", (0, 0))[0]
    pieces: list[Piece] = []
    for item, spans in _Locations(data, *inner[b"iloc"], idat).items():
        kind = kinds.get(item)
        if kind == b"mime":
            pieces.append(Piece("xmp", spans))
        elif kind == b"Exif" and len(spans) == 1:  # begins with the offset of the TIFF header
            start, end = spans[0]
            skipped = 4 + _number(data, start, 4)
            if start + skipped < end:
                pieces.append(Piece("exif", ((start + skipped, end),)))
    return pieces


def _item_kinds(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield id and kind of items that may be metadata: "Exif", and "mime" for XMP."""
    wide = data[start] > 0
    for name, at, stop in _boxes(data, start + (8 if wide else 6), end):
        version = data[at]
        if name != b"infe" or version < 2:
            continue
        size = 2 if version == 2 else 4
        kind = data[at + 4 + size + 2 : at + 4 + size + 6]
        if kind == b"Exif" or (kind == b"mime" and b"rdf+xml" in data[at:stop]):
            yield _number(data, at + 4, size), kind


@dataclass(frozen=True)
class _Locations:
    """The box that says where items lie."""

    data: bytes
    start: int
    end: int
    idat: int

    def items(self) -> Iterator[tuple[int, tuple[tuple[int, int], ...]]]:
        """Yield id and places of each item that lies in this file."""
        version = self.data[self.start]
        sizes = [
            n for byte in self.data[self.start + 4 : self.start + 6] for n in (byte >> 4, byte & 15)
        ]
        of_offset, of_length, of_base, of_index = sizes
        wide = 4 if version == 2 else 2
        at = self.start + 6 + wide
        for _ in range(min(self._number(self.start + 6, wide), MAX_PIECES)):
            item = self._number(at, wide)
            at += wide
            method = 0
            if version:
                method = self._number(at, 2) & 15
                at += 2
            base = self._number(at + 2, of_base) + (self.idat if method == 1 else 0)
            count = self._number(at + 2 + of_base, 2)
            at += 4 + of_base
            spans = []
            for _ in range(min(count, MAX_PIECES)):
                at += of_index if version else 0
                begin = base + self._number(at, of_offset)
                spans.append((begin, begin + self._number(at + of_offset, of_length)))
                at += of_offset + of_length
            if at > self.end:
                return
            if method < 2 and all(end <= len(self.data) for _, end in spans):
                yield item, tuple(spans)

    def _number(self, at: int, size: int) -> int:
        return _number(self.data, at, size)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
