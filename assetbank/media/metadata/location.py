"""Coordinates removed from a file, in its original bytes: no pixel is encoded again.

In all formats but PNG, bytes are overwritten where they are, so that nothing in the file moves.
"""

from __future__ import annotations

import re

from assetbank.media.metadata.containers import find_pieces, is_png, replace_chunks
from assetbank.media.metadata.exif import EXIF_IFD, GPS_IFD, Layout, layout

# Properties such as exif:GPSLatitude, in any namespace, as attribute or element
PROPERTY = re.compile(
    rb"(?<![\w.:-])(<)?([\w.-]{1,40}:(?:gps\w{1,60}|\w{0,40}(?:latitude|longitude)\w{0,40}))"
    rb"(?=[\s=/>])",
    re.IGNORECASE,
)
ATTRIBUTE = re.compile(rb"\s{0,20}=\s{0,20}(\"[^\"<]{0,4000}\"|'[^'<]{0,4000}')")
QUICKTIME = b"\xa9xyz"  # the place in a film that a phone appends to a picture
MAX_DIRECTORIES, MAX_LOCATION_VALUE = 64, 4_096


def strip_location(data: bytes) -> bytes:
    """Return the file without coordinates in EXIF, XMP and IPTC's structures of locations.

    It is the same object if the file has none. Names of places stay, and what is in a maker's note.
    """
    if is_png(data):
        return replace_chunks(data, lambda form, block: _stripped(form, block))
    changed = bytearray()
    for piece in find_pieces(data):
        form = piece.form.removeprefix("other ")
        if form not in ("exif", "xmp", "extended"):
            continue
        old = piece.join(data)
        new = _stripped(form, old)
        if new == old:
            continue
        changed = changed or bytearray(data)
        at = 0
        for start, end in piece.spans:
            changed[start:end] = new[at : at + end - start]
            at += end - start
    return _without_film_location(data, changed)


def _stripped(form: str, block: bytes) -> bytes:
    return _strip_exif(block) if form == "exif" else _strip_xmp(block)


def _without_film_location(data: bytes, changed: bytearray) -> bytes:
    at = data.find(QUICKTIME)
    if at >= 4 and (size := int.from_bytes(data[at - 4 : at], "big")) < 200:
        changed = changed or bytearray(data)
        changed[at + 8 : at - 4 + size] = b" " * max(0, len(data[at + 8 : at - 4 + size]))
    return bytes(changed) if changed else data


def _strip_xmp(packet: bytes) -> bytes:
    """Return the packet with spaces in place of coordinates, as long as it was."""
    narrow, encoding = packet, ""
    if packet[:1] in (b"\xff", b"\xfe", b"\0") or packet[1:2] == b"\0":
        encoding = _wide_encoding(packet)
        narrow = packet.decode(encoding, "replace").encode()
    blanked = bytearray(narrow)
    closed: dict[bytes, bool] = {}
    for found in PROPERTY.finditer(narrow):
        if found[1]:
            end = _end_of_element(narrow, found, closed)
        else:
            attribute = ATTRIBUTE.match(narrow, found.end())
            end = attribute.end() if attribute else found.start()
        blanked[found.start() : end] = b" " * (end - found.start())
    if bytes(blanked) == narrow:
        return packet
    if not encoding:
        return bytes(blanked)
    wide = bytes(blanked).decode().encode(encoding)
    space = " ".encode(encoding)
    return (wide + space * (len(packet) // len(space)))[: len(packet)]


def _wide_encoding(packet: bytes) -> str:
    order = "be" if packet[:1] in (b"\xfe", b"\0") else "le"
    four = packet[:4] in (b"\0\0\xfe\xff", b"\xff\xfe\0\0") or packet[1:4].count(0) == 3
    return f"utf-{32 if four or packet[:3] == bytes(3) else 16}-{order}"


def _end_of_element(packet: bytes, found: re.Match[bytes], closed: dict[bytes, bool]) -> int:
    """Return where the element at `found` ends, or its tag, if it is not closed."""
    tag_end = packet.find(b">", found.end()) + 1
    if not tag_end:
        return len(packet)
    name = b"</" + found[2]
    if packet[tag_end - 2 : tag_end - 1] == b"/" or closed.get(name) is False:
        return tag_end
    end = packet.find(name, tag_end)
    closed[name] = end >= 0  # once there is none, there is none later
    return packet.find(b">", end) + 1 or tag_end if end >= 0 else tag_end


def _strip_exif(block: bytes) -> bytes:
    """Return the block without GPS directories: their bytes are zero, and nothing points there."""
    form = layout(block)
    if form is None:
        return block
    changed = bytearray(block)
    seen: set[int] = set()
    gps: set[int] = set()
    pending = [form.first]
    while pending and len(seen) < MAX_DIRECTORIES:
        at = pending.pop()
        count, start = form.directory(block, at)
        if at in seen or not count:
            continue
        seen.add(at)
        pending.append(form.next(block, start, count))
        for entry in range(start + (count - 1) * form.entry, start - 1, -form.entry):
            tag = form.value(block, entry)[0]
            if tag == GPS_IFD:
                gps.add(_target(block, form, entry))
                _erase_entry(changed, form, at, start, entry)
            elif tag == EXIF_IFD:
                pending.append(_target(block, form, entry))
    for at in gps - seen:
        _erase_directory(changed, block, form, at)
    return bytes(changed)


def _target(block: bytes, form: Layout, entry: int) -> int:
    """Return the offset that the value of a pointer's entry states."""
    _, kind, _, place, size = form.value(block, entry)
    width = size if size in (4, 8) and kind in (4, 13, 16, 18) else 4
    return int.from_bytes(block[place : place + width], "little" if form.order == "<" else "big")


def _erase_directory(changed: bytearray, block: bytes, form: Layout, at: int) -> None:
    count, start = form.directory(block, at)
    for entry in range(start, start + count * form.entry, form.entry):
        _, _, _, place, size = form.value(block, entry)
        end = min(place + min(size, MAX_LOCATION_VALUE), len(block))
        if place < end:
            changed[place:end] = bytes(end - place)
    if count:
        changed[at : start + count * form.entry] = bytes(start + count * form.entry - at)


def _erase_entry(changed: bytearray, form: Layout, at: int, start: int, entry: int) -> None:
    """Remove an entry from its directory: those after it, and the link to the next, move up."""
    width, link = (8, 8) if form.big else (2, 4)
    order = "little" if form.order == "<" else "big"
    count = int.from_bytes(changed[at : at + width], order)  # type: ignore[arg-type]
    end = start + count * form.entry + link
    if not count or end > len(changed):  # damaged
        changed[entry : entry + form.entry] = bytes(form.entry)
        return
    changed[entry : end - form.entry] = changed[entry + form.entry : end]
    changed[end - form.entry : end] = bytes(form.entry)
    changed[at : at + width] = (count - 1).to_bytes(width, order)  # type: ignore[arg-type]
