"""Metadata written into finished files: pixels are not encoded again.

The blocks of the original are taken over. Only values that changed are written, and those that a
block does not hold yet; tags that nobody here knows stay.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from assetbank.media.metadata.containers import embed, read_blocks
from assetbank.media.metadata.exif import Exif
from assetbank.media.metadata.exif_writing import without_pixels
from assetbank.media.metadata.iim import Iim, build_resources, cut
from assetbank.media.metadata.model import FileMetadata
from assetbank.media.metadata.reading import HIERARCHICAL, Sources, metadata_of, says
from assetbank.media.metadata.table import (
    ARTIST,
    COPYRIGHT,
    DATE_TIME_ORIGINAL,
    FIELDS,
    IMAGE_DESCRIPTION,
    OFFSET_TIME_ORIGINAL,
    RATING,
    SUBSEC_TIME_ORIGINAL,
    TIME_CREATED,
    Field,
    Kind,
)
from assetbank.media.metadata.values import Moment, coordinate_text, offset_text
from assetbank.media.metadata.xmp import Packet

NEAR = 1e-5  # degrees: about a metre, by which XMP and EXIF of one place may differ
IN_EXIF = {IMAGE_DESCRIPTION, ARTIST, COPYRIGHT}  # tags that are added; others are only corrected


def write_metadata(
    data: bytes,
    *,
    fields: FileMetadata,
    base: bytes = b"",
    properties: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """Return a JPEG, PNG, WebP or TIFF of one image with `fields` as its metadata.

    `base` is the file that it was rendered from, whose other tags are kept; `data` shows it upright
    and in sRGB. `properties` are further XMP properties, by "prefix:Name". WebP and PNG hold XMP
    and EXIF, JPEG and TIFF also IIM. Raises ValueError for another format.
    """
    sources = Sources(read_blocks(base))
    writer = _Writer(sources, fields)
    packet, iim = writer.packet(properties or {}), writer.iim()
    return embed(
        data,
        packet=packet,
        exif=writer.exif(),
        resources=build_resources(sources.resources, iim),
        iim=iim,
    )


class _Writer:
    """The blocks of a file, changed to hold the wanted values."""

    def __init__(self, sources: Sources, fields: FileMetadata) -> None:
        self.sources = sources
        self.before, self.after = metadata_of(sources), fields
        self.moment = self._moment()

    def _moment(self) -> Moment | None:
        """Return the wanted date, as precise as it is known."""
        instant, offset = self.after.captured_at, self.after.captured_offset
        if instant is None:
            return None
        known = self.sources.moment()
        if known and known.instant == instant and known.offset == offset:
            return known
        zone = datetime.timezone(datetime.timedelta(minutes=offset or 0))
        return Moment(instant.astimezone(zone).replace(tzinfo=None), offset, 5)

    def wanted(self, field: Field) -> Any:
        return self.moment if field.kind is Kind.DATE else getattr(self.after, field.name)

    def stale(self, field: Field, value: Any) -> bool:
        """Return whether the value of an alternative tag is no longer true."""
        before, after = getattr(self.before, field.name), getattr(self.after, field.name)
        if not says(after):
            return says(value) and says(before)
        return bool(after != before and _same(value, before))

    # ---------------------------------------------------------------------------- XMP

    def packet(self, properties: Mapping[str, Sequence[str]]) -> Packet:
        packet = self.sources.packet
        packet.remove_pixels()
        for field in FIELDS:
            self._write_xmp(packet, field)
        for name, values in properties.items():
            if self.sources.properties.get(name) != tuple(values):
                packet.set(name, values, Kind.BAG if len(values) > 1 else Kind.TEXT)
        said = self.after.copyright or self.after.usage_terms
        if said and "xmpRights:Marked" not in self.sources.properties:
            packet.set("xmpRights:Marked", ["True"])
        return packet

    def _write_xmp(self, packet: Packet, field: Field) -> None:
        wanted = self.wanted(field)
        values = {path: self.sources.property(field, path) for path in field.xmp}
        current = next(filter(says, values.values()), None)
        if _same(current, wanted):
            return
        if field.kind in (Kind.LATITUDE, Kind.LONGITUDE) and not says(current):
            return  # EXIF holds it
        for path in field.xmp[1:]:
            if path == HIERARCHICAL:
                self._prune_hierarchy(packet)
            elif self.stale(field, values[path]):
                packet.remove(path)
        if says(wanted):
            packet.set(field.xmp[0], _texts(field, wanted), field.kind)
        else:
            packet.remove(field.xmp[0])

    def _prune_hierarchy(self, packet: Packet) -> None:
        """Remove hierarchical keywords whose last part is no keyword."""
        paths = self.sources.properties.get(HIERARCHICAL, ())
        kept = [path for path in paths if path.rpartition("|")[2] in self.after.keywords]
        if kept:
            packet.set(HIERARCHICAL, kept, Kind.BAG)
        else:
            packet.remove(HIERARCHICAL)

    # ---------------------------------------------------------------------------- IIM

    def iim(self) -> bytes:
        iim = Iim(list(self.sources.iim.datasets))
        for field in FIELDS:
            if field.iim is None:
                continue
            number, maximum = field.iim
            current, wanted = next(self.sources.from_iim(field), None), self.wanted(field)
            if field.kind is Kind.DATE:
                self._write_iim_date(iim, current)
                continue
            texts = _texts(field, wanted) if says(wanted) else []
            short = [cut(text, maximum).decode().strip() for text in texts]
            now = list(current or ()) if field.kind is Kind.BAG else [current] if current else []
            if now not in (texts, short):
                iim.set(number, texts, maximum)
        return iim.to_bytes()

    def _write_iim_date(self, iim: Iim, current: Moment | None) -> None:
        moment = self.moment
        if _same(current, moment and moment._replace(local=moment.local.replace(microsecond=0))):
            return
        date = time = ""
        if moment:
            date = f"{moment.local:%Y%m%d}"[: (4, 6, 8)[min(moment.known, 3) - 1]].ljust(8, "0")
            time = f"{moment.local:%H%M%S}" if moment.known > 3 else ""
            time += offset_text(moment.offset).replace(":", "") if moment.offset is not None else ""
        (field,) = (field for field in FIELDS if field.kind is Kind.DATE)
        for dataset, text in ((field.iim, date), (TIME_CREATED, time)):
            if dataset:
                iim.set(dataset.number, [text] if text else [], dataset.maximum)

    # ---------------------------------------------------------------------------- EXIF

    def exif(self) -> Exif:
        exif = without_pixels(self.sources.exif)
        for field in FIELDS:
            for tag in field.exif:
                current, wanted = self.sources.tag(field, tag), self.wanted(field)
                if tag == DATE_TIME_ORIGINAL:
                    self._write_exif_date(exif, current)
                elif tag in IN_EXIF and not _same(current, wanted):
                    exif.set_text(tag, str(wanted or ""))
                elif tag == RATING and says(current) and current != wanted:
                    exif.first.pop(tag)
                elif tag not in (*IN_EXIF, RATING) and self.stale(field, current):
                    exif.set_text(tag, "")
        self._write_place(exif)
        return exif

    def _write_exif_date(self, exif: Exif, current: Moment | None) -> None:
        moment = self.moment
        if _same(current, moment):
            return
        for tag in (DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL, SUBSEC_TIME_ORIGINAL):
            exif.set_text(tag, "")
        if moment is None or moment.known < 4:
            return  # EXIF has no notation for a day without its time
        exif.set_text(DATE_TIME_ORIGINAL, f"{moment.local:%Y:%m:%d %H:%M:%S}")
        if moment.offset is not None:
            exif.set_text(OFFSET_TIME_ORIGINAL, offset_text(moment.offset))
        if moment.local.microsecond:
            exif.set_text(SUBSEC_TIME_ORIGINAL, f"{moment.local:%f}".rstrip("0"))

    def _write_place(self, exif: Exif) -> None:
        latitude, longitude = self.after.latitude, self.after.longitude
        if latitude is None or longitude is None:
            if self.before.latitude is not None:
                exif.gps = {}
        elif not _same(self.sources.exif.coordinates(), (latitude, longitude)):
            exif.set_coordinates(latitude, longitude)


def _same(one: Any, other: Any) -> bool:
    """Return whether two values of a field say the same; nothing says what nothing else says."""
    if not says(one) or not says(other):
        return says(one) == says(other)
    if isinstance(one, Moment):
        return bool(one.instant == other.instant and one.offset == other.offset)
    if isinstance(one, float):
        return bool(abs(one - other) < NEAR)
    if isinstance(one, tuple) and isinstance(one[0], float):
        return all(map(_same, one, other))
    return bool(set(one) == set(other) if isinstance(one, tuple) else one == other)


def _texts(field: Field, value: Any) -> list[str]:
    """Return a value as XMP writes it."""
    if field.kind is Kind.BAG:
        return list(value)
    if field.kind is Kind.LATITUDE:
        return [coordinate_text(value, "NS")]
    if field.kind is Kind.LONGITUDE:
        return [coordinate_text(value, "EW")]
    return [_date_text(value) if isinstance(value, Moment) else str(value)]


def _date_text(moment: Moment) -> str:
    if moment.known <= 3:
        return f"{moment.local:%Y-%m-%d}"[: (4, 7, 10)[moment.known - 1]]
    text = moment.local.isoformat()
    text = text.rstrip("0") if moment.local.microsecond else text
    return text + (offset_text(moment.offset) if moment.offset is not None else "")
