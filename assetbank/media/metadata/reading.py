"""From the blocks of a file to FileMetadata, as the table of fields says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from assetbank.media.metadata.containers import Blocks, read_blocks
from assetbank.media.metadata.exif import Exif, parse_exif
from assetbank.media.metadata.iim import (
    IIM_RESOURCE,
    Iim,
    changed_since,
    parse_iim,
    parse_resources,
)
from assetbank.media.metadata.model import FileMetadata
from assetbank.media.metadata.restrictions import find_restrictions
from assetbank.media.metadata.table import (
    DATE_TIME_ORIGINAL,
    FIELDS,
    INSTRUCTIONS,
    OFFSET_TIME_ORIGINAL,
    RATING,
    SUBSEC_TIME_ORIGINAL,
    TIME_CREATED,
    Field,
    Kind,
)
from assetbank.media.metadata.values import (
    Moment,
    clean,
    parse_coordinate,
    parse_date,
    parse_iim_date,
    parse_rating,
    refine,
)
from assetbank.media.metadata.xmp import Packet, parse_packets

MAX_KEYWORDS, MAX_KEYWORD = 1_000, 100
HIERARCHICAL = "lr:hierarchicalSubject"  # "Animals|Birds|Owl"
MAX_PROPERTIES, MAX_PROPERTY_TEXT = 500, 200_000  # how many, and characters of all together
# Captions that cameras and programs write by themselves
JUNK = re.compile(
    r"((olympus|sony|minolta|konica|pentax|samsung|kodak|ricoh|casio|nikon|canon|fujifilm)\s+)?"
    r"(dsc|dcim|digital (still )?camera|camera|camera[- ]phone)|exif[_ ]jpeg[_ ]picture|default|"
    r"untitled|dav|rhdr|cof|oznor|oplus_\d+|hdr|edf|hdrpl|btf|mde|sdr|nor|cinema|screenshot|"
    r"image description|binary comment|(created|edited|made) with gimp|charset=\S+.*|"
    r"\{.*|steps: .*|.*, sampler: .*|\W*",  # prompts and parameters of image generators
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Sources:
    """The parsed blocks of a file, each with its own value of a field.

    Values are None or empty where the source does not say.
    """

    blocks: Blocks

    @cached_property
    def packet(self) -> Packet:
        return parse_packets(self.blocks.xmp)

    @cached_property
    def properties(self) -> dict[str, tuple[str, ...]]:
        return self.packet.values()

    @cached_property
    def exif(self) -> Exif:
        return parse_exif(self.blocks.exif)

    @cached_property
    def resources(self) -> list[tuple[int, bytes]]:
        return parse_resources(self.blocks.resources)

    @cached_property
    def iim_bytes(self) -> bytes:
        return self.blocks.iim.rstrip(b"\0") or dict(self.resources).get(IIM_RESOURCE, b"")

    @cached_property
    def iim(self) -> Iim:
        return parse_iim(self.iim_bytes)

    def from_xmp(self, field: Field) -> Iterator[Any]:
        """Yield the values of a field in XMP, those of higher precedence first."""
        for path in field.xmp:
            yield self.property(field, path)

    def property(self, field: Field, path: str) -> Any:
        """Return the value of a field in one XMP property."""
        texts = self.properties.get(path, ())
        if field.kind in PARSERS:
            return PARSERS[field.kind](texts[0]) if texts else None
        if path == HIERARCHICAL:
            texts = tuple(text.rpartition("|")[2] for text in texts)
        return _value(field, list(texts))

    def from_iim(self, field: Field) -> Iterator[Any]:
        if field.iim is None:
            return
        texts = self.iim.texts(field.iim.number)
        if field.kind is Kind.DATE:
            time = [*self.iim.texts(TIME_CREATED.number), ""][0]
            yield parse_iim_date(texts[0], time) if texts else None
        else:
            yield _value(field, texts)

    def from_exif(self, field: Field) -> Iterator[Any]:
        if field.name in ("latitude", "longitude"):
            place = self.exif.coordinates()
            yield place[field.name == "longitude"] if place else None
        for tag in field.exif:
            yield self.tag(field, tag)

    def tag(self, field: Field, tag: int) -> Any:
        """Return the value of a field in one EXIF tag."""
        if tag == RATING:
            return self.exif.number(RATING) or None  # cameras write 0 for unrated
        text = self.exif.text(tag)
        if tag == DATE_TIME_ORIGINAL:
            return self._exif_date(text)
        if field.kind is Kind.SEQ:
            return _value(field, text.split(";"))
        return _value(field, text.split(";") if field.kind is Kind.BAG else [text])

    def _exif_date(self, text: str) -> Moment | None:
        moment = parse_date(text[:19])
        if moment is None or moment.known < 5:
            return moment
        fraction = self.exif.text(SUBSEC_TIME_ORIGINAL).strip()
        end = f".{fraction}" if fraction.isdecimal() and len(fraction) < 10 else ""
        offset = self.exif.text(OFFSET_TIME_ORIGINAL).strip()
        return parse_date(text[:19] + end + offset) or moment

    def from_png(self, field: Field) -> Iterator[Any]:
        for key in field.png:
            yield _value(field, [self.blocks.texts.get(key, "")])

    def values(self, field: Field) -> list[Any]:
        """Return the values of a field, those of higher precedence first."""
        xmp = list(filter(says, self.from_xmp(field)))
        iim = list(filter(says, self.from_iim(field)))
        if self.iim_is_newer and not (xmp and iim and _is_cut(iim[0], xmp[0], field)):
            xmp, iim = iim, xmp
        return [*xmp, *iim, *filter(says, (*self.from_exif(field), *self.from_png(field)))]

    def moment(self) -> Moment | None:
        """Return when the picture was taken, as precisely as any source tells it."""
        (field,) = (field for field in FIELDS if field.kind is Kind.DATE)
        return refine(self.values(field))

    @cached_property
    def iim_is_newer(self) -> bool:
        return changed_since(self.resources, self.iim_bytes)


def read_metadata(data: bytes) -> FileMetadata:
    """Return what a file of any format says of itself; a damaged block says nothing."""
    return metadata_of(Sources(read_blocks(data)))


def parse_xmp(packet: bytes) -> FileMetadata:
    """Return what an XMP packet says, for example that of a sidecar."""
    return metadata_of(Sources(Blocks(xmp=(packet,))))


def says(value: Any) -> bool:
    """Return whether a value is one: 0 is, an empty text is not."""
    return value not in (None, "", ())


def metadata_of(sources: Sources) -> FileMetadata:
    """Return the values of the highest precedence."""
    found: dict[str, Any] = {}
    for field in FIELDS:
        if field.kind is Kind.DATE:
            if moment := sources.moment():
                found |= {"captured_at": moment.instant, "captured_offset": moment.offset}
        elif values := sources.values(field):
            found[field.name] = values[0]
    if not {"latitude", "longitude"} <= found.keys():
        found.pop("latitude", None)
        found.pop("longitude", None)
    properties = _bounded(sources.properties)
    instructions = [
        *properties.get("photoshop:Instructions", ()),
        *sources.iim.texts(INSTRUCTIONS.number),
    ]
    texts = {**found, "instructions": " ".join(instructions[:2])}
    return FileMetadata(
        **found, restrictions=find_restrictions(texts, properties), properties=properties
    )


def _value(field: Field, texts: list[str]) -> Any:
    """Return the value of a field from the texts of one tag."""
    if field.kind is Kind.BAG:
        return _list(texts)
    if field.kind is Kind.SEQ:
        return ", ".join(_list(texts))
    text = next(filter(None, (clean(text, lines=field.lines) for text in texts)), "")
    return "" if field.name == "caption" and JUNK.fullmatch(text) else text


def _list(texts: list[str]) -> tuple[str, ...]:
    """Return clean texts, each once."""
    cleaned = (clean(text)[:MAX_KEYWORD].rstrip() for text in texts[:MAX_KEYWORDS])
    return tuple(dict.fromkeys(filter(None, cleaned)))


def _is_cut(short: Any, long: Any, field: Field) -> bool:
    """Return whether a value of IIM is that of XMP, cut at the maximum of its dataset."""
    if not (isinstance(short, str) and isinstance(long, str) and field.iim):
        return False
    return long.startswith(short) and len(short.encode()) > field.iim.maximum - 4


def _bounded(properties: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the first properties, of which all texts together are not too large."""
    room, bounded = MAX_PROPERTY_TEXT, {}
    for name, values in list(properties.items())[:MAX_PROPERTIES]:
        size = sum(map(len, values))
        if size <= room:
            bounded[name[:200]] = values
            room -= size
    return bounded


def _latitude(text: str) -> float | None:
    return parse_coordinate(text, most=90)


def _longitude(text: str) -> float | None:
    return parse_coordinate(text, most=180)


PARSERS: dict[Kind, Callable[[str], Any]] = {
    Kind.DATE: parse_date,
    Kind.RATING: parse_rating,
    Kind.LATITUDE: _latitude,
    Kind.LONGITUDE: _longitude,
}
