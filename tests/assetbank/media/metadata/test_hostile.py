"""Broken and hostile metadata cost bounded time, and never an exception."""

from __future__ import annotations

import io
import random
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from assetbank.media.metadata import (
    FileMetadata,
    parse_xmp,
    read_metadata,
    strip_location,
    write_metadata,
)
from tests.assetbank.media.metadata.test_reading import NS, iim, jpeg, packet, with_iim
from tests.conftest import picture_bytes

CASES = Path(__file__).parents[3] / "cases" / "pictures"
MEGABYTE = 2**20
SECONDS = 3.0  # on a busy machine; each takes a fraction of one


def timed(work: Callable[[bytes], object], data: bytes) -> float:
    start = time.process_time()
    work(data)
    return time.process_time() - start


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
PACKETS = {
    "laughs": LAUGHS + packet("<dc:title>&c;</dc:title>"),
    "external": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    + packet("<dc:title>&a;</dc:title>"),
    "entity inside": packet("<dc:title>&c;</dc:title>"),
    "deep": packet("<dc:title>" * 50_000 + "</dc:title>" * 50_000),
    "deep lists": packet("<dc:title>" + "<rdf:Bag><rdf:li>" * 2_000),
    "many": packet("<dc:a/>" * 100_000),
    "keywords": packet(
        f"<dc:subject><rdf:Bag>{'<rdf:li>word</rdf:li>' * 100_000}</rdf:Bag></dc:subject>"
    ),
    "long": packet(f"<dc:title>{'x' * MEGABYTE * 4}</dc:title>"),
    "gps": "<a:GPSa>" * 100_000,
    "gps names": "exif:GPS" * 200_000,
    "words": "a" * 2 * MEGABYTE,
    "colons": "a:" * MEGABYTE,
    "open": f"<x:xmpmeta {NS}>" * 20_000,
    "closed": "<rdf:RDF>" + "</rdf:RDF>" * 100_000,
}


@pytest.mark.parametrize("name", PACKETS)
def test_hostile_xmp_is_bounded(name: str) -> None:
    data = PACKETS[name].encode()
    assert timed(parse_xmp, data) < SECONDS
    assert (
        timed(strip_location, b"GIF89a!\xff\x0bXMP DataXMP" + data + b"\x01\xff\xfe\xfd") < SECONDS
    )
    said = parse_xmp(data)
    assert "ha" not in said.title
    assert sum(len(text) for texts in said.properties.values() for text in texts) <= 200_000
    assert len(said.keywords) <= 1_000


def test_restrictions_are_searched_in_bounded_time() -> None:
    for words in ("keine " * 5_000, "only for " * 5_000, "no\n" * 10_000, "editorial  " * 5_000):
        text = f'<rdf:li xml:lang="x-default">{words * 10}</rdf:li>'
        data = packet(f"<dc:rights><rdf:Alt>{text}</rdf:Alt></dc:rights>").encode()
        assert timed(parse_xmp, data) < SECONDS


def exif_block(*entries: tuple[int, int, int, int], after: bytes = b"") -> bytes:
    body = struct.pack(">H", len(entries))
    body += b"".join(struct.pack(">HHII", *entry) for entry in entries) + bytes(4)
    return b"Exif\0\0" + b"MM\0*" + struct.pack(">I", 8) + body + after


def in_jpeg(block: bytes) -> bytes:
    plain = jpeg()
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + plain[2:]


EXIFS = {
    "cyclic": exif_block((0x8769, 4, 1, 8), (0x8825, 4, 1, 8)),
    "beyond": exif_block((0x10E, 2, 2**32 - 1, 2**32 - 1), (0x8769, 4, 1, 2**32 - 1)),
    "huge count": exif_block((0x10E, 2, 2**31, 8)),
    "no type": exif_block((0x10E, 99, 5, 8), (0x8825, 99, 1, 8)),
    "zero": exif_block((0x8825, 4, 0, 0)),
    "short": b"Exif\0\0MM",
    "gps of itself": exif_block((0x8825, 4, 1, 8)),
    "rationals": exif_block(
        (0x8825, 4, 1, 26),
        after=struct.pack(">H", 2)
        + struct.pack(">HHIIHHII", 2, 5, 3, 60, 4, 5, 3, 60)
        + bytes(4)
        + b"\xff\xff\xff\xff\0\0\0\0" * 3,
    ),
}


@pytest.mark.parametrize("name", EXIFS)
def test_hostile_exif_is_bounded(name: str) -> None:
    data = in_jpeg(EXIFS[name])
    assert timed(read_metadata, data) < SECONDS
    assert len(strip_location(data)) == len(data)
    written = write_metadata(jpeg(), fields=FileMetadata(title="x"), base=data)
    assert read_metadata(written).title == "x"


def test_megabytes_of_iim_are_bounded() -> None:
    many = with_iim(jpeg(), iim(*[(25, b"w%d" % number) for number in range(6_000)]))
    assert len(read_metadata(many).keywords) == 1_000
    endless = with_iim(jpeg(), b"\x1c\x02\x05\xff\xff" + b"\xff" * 60_000)
    assert read_metadata(endless) == FileMetadata()


def test_a_png_that_inflates_without_end_is_bounded() -> None:
    bomb = zlib.compress(b"x" * 100 * MEGABYTE, 9)
    text = b"XML:com.adobe.xmp\0\1\0\0\0" + bomb
    chunk = struct.pack(">I", len(text)) + b"iTXt" + text
    chunk += struct.pack(">I", zlib.crc32(b"iTXt" + text))
    plain = picture_bytes()
    data = plain[:33] + chunk * 20 + plain[33:]
    assert timed(read_metadata, data) < SECONDS
    assert timed(strip_location, data) < 2 * SECONDS


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_damaged_files_raise_nothing(fmt: str) -> None:
    """Bytes are changed, cut and doubled at random places, in the half that holds metadata."""
    said = read_metadata((CASES / "meta.jpg").read_bytes())
    if fmt == "AVIF":
        whole = picture_bytes(fmt=fmt, xmp=packet("<dc:title>x</dc:title>").encode())
    else:
        whole = write_metadata(
            picture_bytes(fmt=fmt), fields=said, base=(CASES / "meta.jpg").read_bytes()
        )
    chance = random.Random(20261129)
    plain = picture_bytes(fmt="JPEG")
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 255, chance.randrange(256)))
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        broken = bytes(data)
        again = read_metadata(broken)
        strip_location(broken)
        with Image.open(io.BytesIO(write_metadata(plain, fields=again, base=broken))) as image:
            image.load()
