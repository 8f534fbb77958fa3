"""EXIF: directories of tags in the structure of TIFF, with limits that hold for hostile files."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from assetbank.media.metadata.table import OF_EXIF_IFD
from assetbank.media.metadata.values import decode

ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 2, 3, 4, 5, 7
SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    129: 1,
}
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
ORIENTATION, MAKER_NOTE, COLOUR_SPACE = 0x0112, 0x927C, 0xA001
MAX_ENTRIES, MAX_VALUE, MAX_BLOCK = 1_000, 256_000, 65_000
XMP_TAG, IIM_TAG, RESOURCES_TAG = 700, 33723, 34377
LARGE_TAGS = {XMP_TAG, IIM_TAG, RESOURCES_TAG}
MAX_LARGE = 16_000_000
# Tags of the first directory that describe pixels and their layout in the file
OF_THE_PIXELS = {
    *range(254, 269), 273, 274, *range(277, 285), *range(288, 297), 301, *range(317, 348),
    *range(512, 533), *LARGE_TAGS, 33421, 33422, 34675, 37724, EXIF_IFD, GPS_IFD,
    *range(50700, 51200),
}  # fmt: skip
OF_THE_SIZE = {0xA002, 0xA003, 0xA214, 0x9214, EXIF_IFD, INTEROP_IFD}  # of the Exif directory


@dataclass(frozen=True)
class Entry:
    """A value of a tag: type, number of elements, and bytes in the order of its file."""

    type: int
    count: int
    data: bytes


Directory = dict[int, Entry]


@dataclass
class Exif:
    """The directories of a file: the first, Exif and GPS. `order` is struct's: ">" or "<"."""

    order: str = ">"
    first: Directory = field(default_factory=dict)
    exif: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    maker_note_at: int = 0

    def directory(self, tag: int) -> Directory:
        return self.exif if tag in OF_EXIF_IFD else self.first

    def text(self, tag: int) -> str:
        """Return a tag's text, whatever its encoding; empty: there is none."""
        entry = self.directory(tag).get(tag)
        if entry is None:
            return ""
        if 0x9C9B <= tag <= 0x9C9F:  # Windows Explorer's
            return entry.data.decode("utf-16-le", "replace").split("\0")[0]
        if tag == 0x9286:
            return _user_comment(entry.data, self.order)
        parts = (
            entry.data.rstrip(b"\0").split(b"\0") if entry.type in (ASCII, UNDEFINED, 129) else []
        )
        return "; ".join(filter(str.strip, map(decode, parts[:2])))

    def number(self, tag: int) -> int | None:
        entry = self.first.get(tag)
        if entry is None or entry.type not in (SHORT, LONG) or not entry.count:
            return None
        value: int = struct.unpack_from(
            self.order + ("H" if entry.type == SHORT else "I"), entry.data
        )[0]
        return value

    def set_text(self, tag: int, text: str) -> None:
        """Write a text, as UTF-8; an empty one removes the tag."""
        directory = self.directory(tag)
        directory.pop(tag, None)
        if text:
            data = text.encode() + b"\0"
            directory[tag] = Entry(ASCII, len(data), data)

    def set_short(self, tag: int, value: int) -> None:
        self.first[tag] = Entry(SHORT, 1, struct.pack(self.order + "H", value))

    def coordinates(self) -> tuple[float, float] | None:
        """Return latitude and longitude in degrees; None: unknown, or 0, 0 as without a fix."""
        latitude, longitude = self._degrees(1, b"S"), self._degrees(3, b"W")
        if latitude is None or longitude is None or not (latitude or longitude):
            return None
        return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None

    def _degrees(self, tag: int, negative: bytes) -> float | None:
        entry, side = self.gps.get(tag + 1), self.gps.get(tag)
        if entry is None or entry.type not in (RATIONAL, 10) or not 1 <= entry.count <= 3:
            return None
        numbers = struct.unpack(f"{self.order}{2 * entry.count}I", entry.data)
        degrees = 0.0
        for place, (above, below) in enumerate(zip(numbers[::2], numbers[1::2], strict=True)):
            if below:
                degrees += above / below / 60**place
            elif above or not place:
                return None
        return -degrees if side and side.data[:1].upper() == negative else degrees

    def set_coordinates(self, latitude: float, longitude: float) -> None:
        self.gps[0] = Entry(1, 4, b"\x02\x03\0\0")
        for tag, degrees, sides in ((1, latitude, b"NS"), (3, longitude, b"EW")):
            seconds = round(abs(degrees) * 3_600_000_000)  # millionths
            numbers = (
                seconds // 3_600_000_000,
                1,
                seconds // 60_000_000 % 60,
                1,
                seconds % 60_000_000,
            )
            self.gps[tag] = Entry(ASCII, 2, sides[degrees < 0 :][:1] + b"\0")
            self.gps[tag + 1] = Entry(
                RATIONAL, 3, struct.pack(self.order + "6I", *numbers, 1_000_000)
            )


def _user_comment(data: bytes, order: str) -> str:
    code, text = data[:8], data[8:]
    if code.startswith(b"UNICODE"):
        return text.decode("utf-16-be" if order == ">" else "utf-16-le", "replace").split("\0")[0]
    if code.startswith(b"ASCII") or not any(code):
        return decode(text.split(b"\0")[0])
    return ""


@dataclass(frozen=True)
class Layout:
    """Byte order, and the widths of TIFF or BigTIFF."""

    order: str
    big: bool
    first: int

    def directory(self, data: bytes, at: int) -> tuple[int, int]:
        """Return the number of entries of a directory and the offset of the first; 0, 0: none."""
        width = 8 if self.big else 2
        if not 8 <= at <= len(data) - width:
            return 0, 0
        count = int.from_bytes(data[at : at + width], "little" if self.order == "<" else "big")
        room = (len(data) - at - width) // self.entry
        return min(count, room, MAX_ENTRIES), at + width

    @property
    def entry(self) -> int:
        return 20 if self.big else 12

    def value(self, data: bytes, at: int) -> tuple[int, int, int, int, int]:
        """Return tag, type, count, and the offset and length of the value of the entry at `at`."""
        tag, kind = struct.unpack_from(self.order + "HH", data, at)
        (count,) = struct.unpack_from(self.order + ("Q" if self.big else "I"), data, at + 4)
        size, inline = SIZES.get(kind, 0) * count, 8 if self.big else 4
        place = at + (12 if self.big else 8)
        if size > inline:
            (place,) = struct.unpack_from(self.order + ("Q" if self.big else "I"), data, place)
        return tag, kind, count, place, size

    def next(self, data: bytes, start: int, count: int) -> int:
        """Return the offset of the following directory; 0: there is none."""
        at, width = start + count * self.entry, 8 if self.big else 4
        return int.from_bytes(data[at : at + width], "little" if self.order == "<" else "big")


def layout(data: bytes) -> Layout | None:
    """Return the layout that the header of a TIFF structure states; None: it is none."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return None
    (magic,) = struct.unpack_from(order + "H", data, 2)
    if magic == 43 and len(data) >= 16:
        return Layout(order, True, struct.unpack_from(order + "Q", data, 8)[0])
    return Layout(order, False, struct.unpack_from(order + "I", data, 4)[0])


def parse_exif(data: bytes) -> Exif:
    """Return the directories of an EXIF block or a TIFF file; empty ones where it is damaged."""
    form = layout(data)
    if form is None:
        return Exif()
    first = _directory(data, form, form.first)
    exif = _directory(data, form, _pointer(first, EXIF_IFD, form))
    note = 0
    count, start = form.directory(data, _pointer(first, EXIF_IFD, form))
    for at in range(start, start + count * form.entry, form.entry):
        tag, _, _, place, size = form.value(data, at)
        if tag == MAKER_NOTE and size > 4:
            note = place
    return Exif(
        form.order, first, exif, _directory(data, form, _pointer(first, GPS_IFD, form)), note
    )


def _directory(data: bytes, form: Layout, at: int) -> Directory:
    found: Directory = {}
    count, start = form.directory(data, at)
    for entry in range(start, start + count * form.entry, form.entry):
        tag, kind, number, place, size = form.value(data, entry)
        limit = MAX_LARGE if tag in LARGE_TAGS else MAX_VALUE
        if 0 < size <= limit and place + size <= len(data):
            found.setdefault(tag, Entry(kind, number, data[place : place + size]))
    return found


def _pointer(directory: Directory, tag: int, form: Layout) -> int:
    entry = directory.get(tag)
    if entry is None or len(entry.data) not in (4, 8):
        return 0
    return int.from_bytes(entry.data, "little" if form.order == "<" else "big")
