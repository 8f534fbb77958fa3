"""TIFF: tags of the first directory hold XMP, IIM and image resources; the file itself is EXIF."""

from __future__ import annotations

from assetbank.media.metadata.containers.blocks import Form, Piece
from assetbank.media.metadata.exif import (
    IIM_TAG,
    MAX_LARGE,
    OF_THE_PIXELS,
    RESOURCES_TAG,
    UNDEFINED,
    XMP_TAG,
    Entry,
    Exif,
    layout,
    parse_exif,
)
from assetbank.media.metadata.exif_writing import append_directories, convert

FORMS: dict[int, Form] = {XMP_TAG: "xmp", IIM_TAG: "iim", RESOURCES_TAG: "resources"}


def find(data: bytes) -> list[Piece]:
    pieces = [Piece("exif", ((0, len(data)),))]
    form = layout(data)
    if form is None:
        return []
    count, start = form.directory(data, form.first)
    for at in range(start, start + count * form.entry, form.entry):
        tag, _, _, place, size = form.value(data, at)
        if tag in FORMS and 0 < size <= MAX_LARGE and place + size <= len(data):
            pieces.append(Piece(FORMS[tag], ((place, place + size),)))
    return pieces


def embed(data: bytes, *, xmp: bytes, exif: Exif, resources: bytes, iim: bytes) -> bytes:
    """Return a TIFF of one image with these blocks: its directory is written again, at the end.

    A BigTIFF is returned as it is.
    """
    form = layout(data)
    if form is None or form.big:
        return data
    own = parse_exif(data)
    new = convert(exif, own.order)
    layout_tags = {tag: entry for tag, entry in own.first.items() if tag in OF_THE_PIXELS}
    first = {**layout_tags, **new.first}
    for tag, block in ((XMP_TAG, xmp), (IIM_TAG, iim), (RESOURCES_TAG, resources)):
        first.pop(tag, None)
        if block:
            first[tag] = Entry(1 if tag != IIM_TAG else UNDEFINED, len(block), block)
    return append_directories(data, Exif(own.order, first, new.exif, new.gps))
