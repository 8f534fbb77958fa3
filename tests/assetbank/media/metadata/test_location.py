"""Coordinates are removed from the bytes of a file, of every format, and nothing else is."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from assetbank.media.metadata import FileMetadata, read_metadata, strip_location, write_metadata
from tests.assetbank.media.metadata.test_reading import jpeg, packet
from tests.conftest import picture_bytes
from tests.support import exiftool

HERE = FileMetadata(title="Here", city="Köln", latitude=50.9413, longitude=6.9583)
XMP = packet(
    "<dc:title>Here</dc:title><exif:GPSLongitude>6,57.498E</exif:GPSLongitude>"
    "<Iptc4xmpExt:LocationCreated><rdf:Bag><rdf:li rdf:parseType='Resource'>"
    "<exif:GPSLatitude>50,56.478N</exif:GPSLatitude><exif:GPSLongitude>6,57.498E"
    "</exif:GPSLongitude><Iptc4xmpExt:City>Köln</Iptc4xmpExt:City></rdf:li></rdf:Bag>"
    "</Iptc4xmpExt:LocationCreated>",
    attributes='exif:GPSLatitude="50,56.478N" photoshop:City="Köln"',
)


def with_gps(fmt: str, xmp: bytes = XMP.encode()) -> bytes:
    """Return a file with coordinates in EXIF and XMP."""
    exif = Image.Exif()
    exif[0x10F] = "Leica"
    exif.get_ifd(0x8825).update({1: "N", 2: (50.0, 56.0, 28.68), 3: "E", 4: (6.0, 57.0, 29.88)})
    if fmt == "HEIF":
        buffer = io.BytesIO()
        image = pillow_heif.from_pillow(Image.new("RGB", (64, 64)))
        image.save(buffer, exif=exif.tobytes(), xmp=xmp)
        return buffer.getvalue()
    if fmt == "TIFF":
        return write_metadata(picture_bytes(fmt=fmt), fields=HERE, base=jpeg(exif=exif, xmp=xmp))
    options: dict[str, Any] = {"exif": exif, "xmp": xmp}
    if fmt == "PNG":
        options = {"exif": exif, "pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
        raw = exif.tobytes()
        text = f"\nexif\n{len(raw):8}\n{raw.hex()}\n"
        options["pnginfo"].add_text("Raw profile type exif", text, zip=True)
    return picture_bytes(fmt=fmt, **options)


FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"]


@pytest.mark.parametrize("fmt", FORMATS)
def test_coordinates_go_and_the_rest_stays(tmp_path: Path, fmt: str) -> None:
    data = with_gps(fmt)
    before, after = read_metadata(data), read_metadata(strip_location(data))
    assert before.latitude is not None
    assert (after.latitude, after.longitude) == (None, None)
    assert (after.title, after.city) == ("Here", "Köln")
    assert [name for name in after.properties if "GPS" in name] == []
    for each in (data, strip_location(data)):
        with Image.open(io.BytesIO(each)) as image:
            image.load()
    exiftool.require()
    old, new = exiftool.read(tmp_path, data, strip_location(data))
    assert [tag for tag in new if "GPS" in tag] == []
    assert "GPS:GPSLatitude" in old
    kept = {tag: value for tag, value in old.items() if "GPS" not in tag}
    volatile = ("SourceFile", "System:", "XMP-x:", "Composite:", "File:FileSize", "PNG:Raw")
    assert {tag: new.get(tag) for tag in kept if not tag.startswith(volatile)} == {
        tag: value for tag, value in kept.items() if not tag.startswith(volatile)
    }


@pytest.mark.parametrize("fmt", ["JPEG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_nothing_in_the_file_moves(fmt: str) -> None:
    data = with_gps(fmt)
    assert len(strip_location(data)) == len(data)


@pytest.mark.parametrize("fmt", [*FORMATS, "GIF", "BMP"])
def test_a_file_without_coordinates_is_the_same_object(fmt: str) -> None:
    data = strip_location(with_gps(fmt)) if fmt in FORMATS else picture_bytes(fmt=fmt)
    assert strip_location(data) is data


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_xmp_in_wide_characters(encoding: str) -> None:
    data = with_gps("WEBP", xmp=XMP.encode(encoding))
    after = read_metadata(strip_location(data))
    assert after.latitude is None
    assert after.city == "Köln"


def test_damaged_xmp_is_stripped_as_well() -> None:
    broken = XMP.replace("</rdf:RDF>", "").encode()
    assert b"50,56" not in strip_location(with_gps("WEBP", xmp=broken))


def test_images_behind_the_first_lose_their_coordinates(tmp_path: Path) -> None:
    """A phone's file holds further images: a gain map, a second lens."""
    data = jpeg() + with_gps("JPEG")
    stripped = strip_location(data)
    assert len(stripped) == len(data)
    assert read_metadata(stripped[len(jpeg()) :]).latitude is None


def test_a_film_behind_the_image_loses_its_place() -> None:
    place = b"+50.9413+006.9583/"
    box = struct.pack(">I4sHH", 12 + len(place), b"\xa9xyz", len(place), 0x15C7) + place
    assert place not in strip_location(jpeg() + box)
