"""EXIF written: directories laid out anew, for a block of their own or the end of a TIFF file."""

from __future__ import annotations

import struct
from dataclasses import replace

from assetbank.media.metadata.exif import (
    COLOUR_SPACE,
    EXIF_IFD,
    GPS_IFD,
    LONG,
    MAKER_NOTE,
    MAX_BLOCK,
    OF_THE_PIXELS,
    OF_THE_SIZE,
    ORIENTATION,
    SIZES,
    Directory,
    Entry,
    Exif,
)


def without_pixels(exif: Exif) -> Exif:
    """Return the EXIF without what describes the pixels of its file: sizes, layout, thumbnails.

    It states the orientation of upright pixels, if it stated one. Its colour space becomes sRGB.
    """
    first = {
        tag: entry
        for tag, entry in exif.first.items()
        if tag not in OF_THE_PIXELS and len(entry.data) < MAX_BLOCK
    }
    camera = {tag: entry for tag, entry in exif.exif.items() if tag not in OF_THE_SIZE}
    if COLOUR_SPACE in camera:
        camera[COLOUR_SPACE] = Entry(3, 1, struct.pack(exif.order + "H", 1))
    kept = replace(exif, first=first, exif=camera, gps=dict(exif.gps))
    if ORIENTATION in exif.first:
        kept.set_short(ORIENTATION, 1)
    return kept


def build_exif(exif: Exif) -> bytes:
    """Return an EXIF block of at most MAX_BLOCK bytes; empty, if there is nothing in it.

    A maker's note stays at its place, since it may contain offsets; it is left out if the block
    would be too large, as are then all values of more than a kilobyte.
    """
    if not (exif.first or exif.exif or exif.gps):
        return b""
    block = _block(exif, keep_note=True)
    if len(block) > MAX_BLOCK:
        block = _block(replace(exif, exif=_smaller(exif.exif)), keep_note=False)
    if len(block) > MAX_BLOCK:
        block = _block(replace(exif, first={}, exif={}), keep_note=False)
    return block


def _smaller(directory: Directory) -> Directory:
    return {
        tag: entry
        for tag, entry in directory.items()
        if tag != MAKER_NOTE and len(entry.data) <= 1_000
    }


def _block(exif: Exif, *, keep_note: bool) -> bytes:
    note = exif.exif.get(MAKER_NOTE)
    fixed = bool(note and keep_note and 8 <= exif.maker_note_at <= MAX_BLOCK - len(note.data))
    out = _Output(
        exif.order, 8, exif.maker_note_at if fixed else 0, note.data if note and fixed else b""
    )
    first = out.directories(exif)
    out.finish()
    magic = b"II" if exif.order == "<" else b"MM"
    return magic + struct.pack(exif.order + "HI", 42, first) + bytes(out.bytes)


def append_directories(data: bytes, exif: Exif) -> bytes:
    """Return a TIFF file of one image with `exif` as its directories, appended at its end.

    Values of the pixels' layout must be among `exif.first`, in the byte order of the file.
    """
    data += b"\0" * (len(data) % 2)
    out = _Output(exif.order, len(data), 0, b"")
    first = out.directories(exif)
    return data[:4] + struct.pack(exif.order + "I", first) + data[8:] + bytes(out.bytes)


class _Output:
    """Bytes from the offset `start` on, and bytes `fixed` that must lie at offset `at`."""

    def __init__(self, order: str, start: int, at: int, fixed: bytes) -> None:
        self.order, self.start = order, start
        self.at, self.fixed = at, fixed
        self.bytes = bytearray()

    @property
    def end(self) -> int:
        return self.start + len(self.bytes)

    def directories(self, exif: Exif) -> int:
        """Write the directories, and return the offset of the first."""
        first = dict(exif.first)
        for pointer, directory in ((GPS_IFD, exif.gps), (EXIF_IFD, exif.exif)):
            first.pop(pointer, None)
            if directory:
                at = struct.pack(self.order + "I", self._directory(directory))
                first[pointer] = Entry(LONG, 1, at)
        return self._directory(first)

    def finish(self) -> None:
        """Write the fixed bytes, unless they are written."""
        if self.fixed:
            self.bytes += b"\0" * (self.at - self.end) + self.fixed
            self.fixed = b""

    def _directory(self, directory: Directory) -> int:
        entries = b""
        for tag, entry in sorted(directory.items()):
            count = len(entry.data) // SIZES[entry.type]
            head = struct.pack(self.order + "HHI", tag, entry.type, count)
            if len(entry.data) <= 4:
                entries += head + entry.data.ljust(4, b"\0")
            else:
                place = self.at if tag == MAKER_NOTE and self.at else self._put(entry.data)
                entries += head + struct.pack(self.order + "I", place)
        head = struct.pack(self.order + "H", len(directory))
        return self._put(head + entries + bytes(4))

    def _put(self, data: bytes) -> int:
        """Append data at an even offset, beside the fixed bytes, and return the offset."""
        data += b"\0" * (len(data) % 2)
        if self.fixed and self.end + len(data) > self.at:
            self.finish()
        self.bytes += b"\0" * (self.end % 2)
        at = self.end
        self.bytes += data
        return at


def convert(exif: Exif, order: str) -> Exif:
    """Return the EXIF in another byte order; values without a known type stay as they are."""
    if exif.order == order:
        return exif
    first, camera, gps = (
        {tag: _swapped(entry) for tag, entry in directory.items()}
        for directory in (exif.first, exif.exif, exif.gps)
    )
    return Exif(order, first, camera, gps)


def _swapped(entry: Entry) -> Entry:
    width = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8}.get(entry.type, 1)
    parts = [entry.data[at : at + width][::-1] for at in range(0, len(entry.data), width)]
    return replace(entry, data=b"".join(parts))
