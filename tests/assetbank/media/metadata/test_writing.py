"""Metadata in finished files, read again by us and by ExifTool: nothing is lost or invented."""

from __future__ import annotations

import datetime
import io
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from assetbank.media.metadata import FileMetadata, read_metadata, write_metadata
from tests.assetbank.media.metadata.test_reading import CASES, iim, jpeg, packet, with_iim
from tests.conftest import picture_bytes
from tests.support import exiftool

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF"]
WITH_IIM = {"JPEG", "TIFF"}
ZONE = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))
ALL = FileMetadata(
    title="Messestand — Halle 7",
    caption="Zwei Zeilen,\n„Ж“ & <手>",
    keywords=("Frühjahr", "Messe Stand", "a, b; c"),
    creator="Ana Beispiel",
    credit="Beispiel Foto / Agentur",
    copyright="© 2019 Beispiel Foto",
    usage_terms="Für Presse",
    licence="L-17",
    licensor_url="https://licence.example/17?a=1&b=2",
    headline="Überschrift",
    city="Łódź",
    country="Polska",
    captured_at=datetime.datetime(2019, 3, 14, 10, 11, 12, 250000, tzinfo=ZONE),
    captured_offset=-210,
    alt_text="Zwei Personen vor einem roten Stand",
    extended_description="Der Stand ist rot.\nEs ist hell.",
    rating=4,
    latitude=-33.8587512,
    longitude=70.6333349,
)


def finished(fmt: str) -> bytes:
    """Return a file as downloads render it: with an ICC profile, and without metadata."""
    return picture_bytes(size=(60, 40), fmt=fmt)


def same(one: FileMetadata, other: FileMetadata) -> list[str]:
    """Return the names of the fields that differ."""
    near = {"latitude", "longitude"}
    return [
        field.name
        for field in fields(FileMetadata)
        if field.name != "properties"
        and (
            getattr(one, field.name) != pytest.approx(getattr(other, field.name), abs=1e-6)
            if field.name in near
            else getattr(one, field.name) != getattr(other, field.name)
        )
    ]


@pytest.mark.parametrize("fmt", FORMATS)
class TestOurselves:
    def test_all_fields_are_read_again(self, fmt: str) -> None:
        assert same(read_metadata(write_metadata(finished(fmt), fields=ALL)), ALL) == []

    def test_what_was_written_replaces_what_was_there(self, fmt: str) -> None:
        first = write_metadata(finished(fmt), fields=ALL)
        nothing = write_metadata(first, fields=FileMetadata(), base=first)
        assert same(read_metadata(nothing), FileMetadata()) == []
        changed = replace(ALL, title="Neu", keywords=("x",), captured_at=None, captured_offset=None)
        again = write_metadata(finished(fmt), fields=changed, base=first)
        assert same(read_metadata(again), changed) == []

    def test_pixels_stay(self, fmt: str) -> None:
        before, after = finished(fmt), write_metadata(finished(fmt), fields=ALL)
        with Image.open(io.BytesIO(before)) as one, Image.open(io.BytesIO(after)) as other:
            assert one.tobytes() == other.tobytes()
            assert one.info.get("icc_profile") == other.info.get("icc_profile")

    def test_nothing_is_written_where_nothing_is_known(self, fmt: str) -> None:
        written = write_metadata(finished(fmt), fields=FileMetadata())
        assert len(written) - len(finished(fmt)) < 200  # a TIFF's directory is written again
        assert b"adobe" not in written

    def test_long_values_are_whole(self, fmt: str) -> None:
        long = replace(ALL, caption="ü" * 9_000, usage_terms="x " * 4_000, keywords=("k" * 99,))
        long = replace(long, usage_terms=long.usage_terms.strip())
        assert same(read_metadata(write_metadata(finished(fmt), fields=long)), long) == []


def test_xmp_of_more_than_a_segment_is_split(tmp_path: Path) -> None:
    properties = {f"photoshop:Part{number}": ("x" * 30_000,) for number in range(5)}
    written = write_metadata(jpeg(), fields=ALL, properties=properties)
    said = read_metadata(written)
    assert same(said, ALL) == []
    assert all(len(said.properties[name][0]) == 20_000 for name in properties)  # our own limit
    exiftool.require()
    (read,) = exiftool.read(tmp_path, written)
    assert len(read["XMP-photoshop:Part3"]) == 30_000
    assert "ExifTool:Warning" not in read


def test_properties_of_ones_own_get_a_namespace() -> None:
    written = write_metadata(
        jpeg(), fields=ALL, properties={"acme:SKU": ("A-1",), "acme:Colours": ("red", "blue")}
    )
    said = read_metadata(written).properties
    assert (said["acme:SKU"], said["acme:Colours"]) == (("A-1",), ("red", "blue"))


def test_a_date_without_a_day_stays_one() -> None:
    base = jpeg(xmp=packet(attributes='photoshop:DateCreated="2019-03"').encode())
    written = write_metadata(jpeg(), fields=read_metadata(base), base=base)
    said = read_metadata(written)
    assert said.properties["photoshop:DateCreated"] == ("2019-03",)
    with Image.open(io.BytesIO(written)) as image:
        assert 0x9003 not in image.getexif().get_ifd(0x8769)


def test_iim_in_another_encoding_becomes_utf8() -> None:
    base = with_iim(
        jpeg(), iim((5, "Frühjahr".encode("latin-1")), (40, "Für dich".encode("latin-1")))
    )
    fields = replace(read_metadata(base), city="Köln")
    written = write_metadata(jpeg(), fields=fields, base=base)
    assert b"\x1b%G" in written
    assert "Für dich".encode() in written
    assert read_metadata(written).title == "Frühjahr"


def number(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) else value


@pytest.mark.parametrize("fmt", FORMATS)
class TestExifTool:
    @pytest.fixture(autouse=True)
    def _required(self) -> None:
        exiftool.require()

    def test_it_reads_what_we_wrote(self, tmp_path: Path, fmt: str) -> None:
        (read,) = exiftool.read(tmp_path, write_metadata(finished(fmt), fields=ALL))
        assert "ExifTool:Warning" not in read
        wanted = {name: getattr(ALL, name) for name in exiftool.XMP}
        wanted["captured_at"] = "2019:03:14 10:11:12.25-03:30"
        wanted["keywords"] = list(ALL.keywords)
        assert {name: read.get(tag) for name, tag in exiftool.XMP.items()} == wanted
        exif = {**wanted, "captured_at": "2019:03:14 10:11:12"}
        for name, tag in exiftool.EXIF.items():
            assert read.get(tag) == exif[name], tag
        assert read["ExifIFD:OffsetTimeOriginal"] == "-03:30"
        assert number(read["ExifIFD:SubSecTimeOriginal"]) == "25"
        assert float(read["Composite:GPSLatitude"].split()[0]) == pytest.approx(33.8587512)
        assert read["GPS:GPSLongitudeRef"] == "East"
        for name, tag in exiftool.IIM.items() if fmt in WITH_IIM else ():
            assert read.get(tag) == wanted[name], tag
        if fmt in WITH_IIM:
            assert read["IPTC:TimeCreated"] == "10:11:12-03:30"
            assert read["Photoshop:IPTCDigest"] == read["File:CurrentIPTCDigest"]

    def test_we_read_what_it_wrote(self, tmp_path: Path, fmt: str) -> None:
        values = {tag: getattr(ALL, name) for name, tag in exiftool.XMP.items()}
        values["XMP-photoshop:DateCreated"] = "2019:03:14 10:11:12.25-03:30"
        options = [
            f"-{tag}={each}".replace("\n", "&#xa;").replace("<", "&lt;")
            for tag, value in values.items()
            for each in (value if isinstance(value, tuple) else (value,))
        ]
        options += [f"-GPS:GPSLatitude={abs(ALL.latitude or 0)}", "-GPS:GPSLatitudeRef=S"]
        options += [f"-GPS:GPSLongitude={ALL.longitude}", "-GPS:GPSLongitudeRef=E", "-E"]
        said = read_metadata(exiftool.write(tmp_path, finished(fmt), "written", *options))
        assert same(replace(said, licence=ALL.licence), ALL) == []

    def test_iim_and_exif_that_it_wrote(self, tmp_path: Path, fmt: str) -> None:
        if fmt == "WEBP":
            pytest.skip("a WebP holds no IIM")
        for charset in ("UTF8", "Latin"):
            options = ["-charset", f"iptc={charset}", "-IPTC:ObjectName=Frühjahr", "-Artist=Jürgen"]
            options += ["-IPTC:CodedCharacterSet=UTF8"] if charset == "UTF8" else []
            options += ["-DateTimeOriginal=2019:03:14 10:11:12", "-OffsetTimeOriginal=+01:00"]
            said = read_metadata(exiftool.write(tmp_path, finished(fmt), f"x{charset}", *options))
            assert (said.title, said.creator) == ("Frühjahr", "Jürgen")
            assert said.captured_offset == 60

    def test_unknown_tags_stay_and_those_of_pixels_do_not(self, tmp_path: Path, fmt: str) -> None:
        options = [
            "-Make=Leica",
            "-Model=M10",
            "-ISO=200",
            "-LensModel=Summilux",
            "-Orientation#=6",
        ]
        options += [
            "-XMP-xmpMM:DocumentID=abc",
            "-XMP-crs:Exposure2012=+0.5",
            "-XMP-tiff:Orientation=6",
        ]
        options += ["-IPTC:SpecialInstructions=Careful", "-IPTC:JobID=J-1", "-ExifImageWidth=6000"]
        options += ["-XMP-dc:Title-de=Auf Deutsch", "-XMP-dc:Title=Default"]
        base = exiftool.write(tmp_path, jpeg(size=(90, 60)), "base.jpg", *options)
        written = write_metadata(finished(fmt), fields=read_metadata(base), base=base)
        (read,) = exiftool.read(tmp_path, written)
        assert "ExifTool:Warning" not in read
        assert (read["IFD0:Make"], read["ExifIFD:ISO"]) == ("Leica", 200)
        assert read["ExifIFD:LensModel"] == "Summilux"
        assert read["XMP-xmpMM:DocumentID"] == "abc"
        assert read["XMP-dc:Title-de"] == "Auf Deutsch"
        assert "XMP-tiff:Orientation" not in read
        assert "ExifIFD:ExifImageWidth" not in read
        assert read["IFD0:Orientation"] == "Horizontal (normal)"
        if fmt in WITH_IIM:
            assert read["IPTC:SpecialInstructions"] == "Careful"
            assert read["IPTC:JobID"] == "J-1"


def test_the_metadata_of_the_case_go_through_all_formats() -> None:
    base = (CASES / "meta.jpg").read_bytes()
    said = read_metadata(base)
    for fmt in FORMATS:
        written = write_metadata(finished(fmt), fields=said, base=base)
        assert same(read_metadata(written), said) == []
