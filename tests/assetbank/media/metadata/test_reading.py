"""What files say of themselves is read from XMP, IIM and EXIF, by precedence, in every encoding."""

from __future__ import annotations

import datetime
import hashlib
import io
import struct
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from assetbank.media.metadata import FileMetadata, parse_xmp, read_metadata
from assetbank.media.metadata.values import parse_date
from tests.conftest import picture_bytes

CASES = Path(__file__).parents[3] / "cases" / "pictures"
NS = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in {
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "dc": "http://purl.org/dc/elements/1.1/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
        "lr": "http://ns.adobe.com/lightroom/1.0/",
        "acme": "https://acme.example/ns/",
        "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    }.items()
)


def packet(inner: str = "", attributes: str = "") -> str:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {NS}><rdf:Description rdf:about="" '
        f"{attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def alt(name: str, **texts: str) -> str:
    items = "".join(
        f'<rdf:li xml:lang="{language.replace("_", "-")}">{text}</rdf:li>'
        for language, text in texts.items()
    )
    return f"<{name}><rdf:Alt>{items}</rdf:Alt></{name}>"


def iim(*datasets: tuple[int, bytes], utf8: bool = False) -> bytes:
    blocks = [((1, 90), b"\x1b%G")] if utf8 else []
    blocks += [((2, number), value) for number, value in datasets]
    return b"".join(struct.pack(">BBBH", 28, *key, len(value)) + value for key, value in blocks)


def with_iim(data: bytes, block: bytes, digest: bytes = b"") -> bytes:
    """Return a JPEG with IIM, and a digest of it."""
    resources = b""
    for number, content in ((1028, block), (1061, digest)):
        if content:
            resources += b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content
            resources += b"\0" * (len(content) % 2)
    body = b"Photoshop 3.0\0" + resources
    return data[:2] + b"\xff\xed" + struct.pack(">H", len(body) + 2) + body + data[2:]


def jpeg(**options: Any) -> bytes:
    return picture_bytes(fmt="JPEG", **options)


def with_exif(**tags: Any) -> bytes:
    """Return a JPEG with EXIF tags, by "_" and their number in hexadecimal."""
    exif = Image.Exif()
    camera = exif.get_ifd(0x8769)
    for name, value in tags.items():
        tag = int(name[1:], 16)
        (camera if tag > 0x9000 and tag < 0x9C9B else exif)[tag] = value
    return jpeg(exif=exif)


def test_the_picture_that_lost_its_metadata_keeps_them() -> None:
    said = read_metadata((CASES / "meta.jpg").read_bytes())
    assert said.title == "Messestand Halle 7"
    assert said.caption == "Stand auf der Messe, Halle 7"
    assert said.keywords == ("Frühjahr", "Messe Stand")
    assert (said.creator, said.credit) == ("A. Beispiel", "Beispiel Foto")
    assert said.captured_at is not None
    assert said.captured_at.isoformat() == "2019-03-14T10:11:12+01:00"
    assert said.captured_offset == 60
    assert said.restrictions == (
        "The file's copyright notice says “(c) 2019 Beispiel Foto, nur redaktionell”",
    )


class TestXmp:
    def test_the_default_of_several_languages_is_taken_else_the_first(self) -> None:
        titles = {"en": "Fair", "x_default": "Messe"}
        assert parse_xmp(packet(alt("dc:title", **titles)).encode()).title == "Messe"
        assert parse_xmp(packet(alt("dc:title", fr="Foire", en="Fair")).encode()).title == "Foire"

    def test_properties_may_be_attributes(self) -> None:
        said = parse_xmp(packet(attributes='photoshop:City="Köln" xmp:Rating="3"').encode())
        assert (said.city, said.rating) == ("Köln", 3)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
    def test_each_encoding_of_xmp_is_read(self, encoding: str) -> None:
        text = '<?xpacket begin="\ufeff"?>' + packet(alt("dc:title", x_default="Ж — Łódź 手"))
        assert parse_xmp(text.encode(encoding)).title == "Ж — Łódź 手"

    def test_structures_and_unknown_properties_are_named_by_their_path(self) -> None:
        said = parse_xmp(
            packet(
                "<plus:Licensor><rdf:Seq><rdf:li plus:LicensorURL='https://l.example/1'/>"
                "</rdf:Seq></plus:Licensor><acme:SKU>A-1</acme:SKU><Iptc4xmpExt:LocationCreated><rdf:Bag>"
                "<rdf:li rdf:parseType='Resource'><Iptc4xmpExt:City>Bonn</Iptc4xmpExt:City>"
                "</rdf:li></rdf:Bag></Iptc4xmpExt:LocationCreated>"
            ).encode()
        )
        assert said.licensor_url == "https://l.example/1"
        assert said.city == "Bonn"
        assert said.properties["acme:SKU"] == ("A-1",)
        assert said.properties["plus:Licensor/plus:LicensorURL"] == ("https://l.example/1",)

    def test_hierarchical_keywords_count_where_there_are_no_others(self) -> None:
        leaves = "<rdf:Bag><rdf:li>Animals|Owl</rdf:li></rdf:Bag>"
        leaves = f"<lr:hierarchicalSubject>{leaves}</lr:hierarchicalSubject>"
        assert parse_xmp(packet(leaves).encode()).keywords == ("Owl",)
        flat = "<dc:subject><rdf:Bag><rdf:li>Bird</rdf:li></rdf:Bag></dc:subject>"
        assert parse_xmp(packet(flat + leaves).encode()).keywords == ("Bird",)

    @pytest.mark.parametrize(
        ("latitude", "longitude", "place"),
        [
            ("50,56.478N", "6,57.498E", (50.9413, 6.9583)),
            ("33,51,31.5S", "70,38.0W", (-33.85875, -70.63333)),
            ("12.5", "-8.25", (12.5, -8.25)),
            ("91,0.0N", "6,0.0E", (None, None)),
            ("50,0.0N", "", (None, None)),
        ],
    )
    def test_coordinates(
        self, latitude: str, longitude: str, place: tuple[float | None, float | None]
    ) -> None:
        given = f'exif:GPSLatitude="{latitude}" exif:GPSLongitude="{longitude}"'
        said = parse_xmp(packet(attributes=given).encode())
        assert (said.latitude, said.longitude) == pytest.approx(place, abs=1e-5)


class TestPrecedence:
    def both(self, digest: bytes) -> FileMetadata:
        xmp = packet(alt("dc:title", x_default="of XMP")).encode()
        return read_metadata(with_iim(jpeg(xmp=xmp), iim((5, b"of IIM")), digest))

    def test_xmp_wins_over_iim_if_the_digest_is_absent_or_right(self) -> None:
        right = hashlib.md5(iim((5, b"of IIM"))).digest()
        assert self.both(b"").title == "of XMP"
        assert self.both(right).title == "of XMP"

    def test_iim_wins_if_it_was_changed_since(self) -> None:
        assert self.both(b"1" * 16).title == "of IIM"

    def test_a_value_that_iim_had_to_cut_does_not_win(self) -> None:
        long = "x" * 100
        xmp = packet(alt("dc:title", x_default=long)).encode()
        data = with_iim(jpeg(xmp=xmp), iim((5, long[:64].encode())), b"1" * 16)
        assert read_metadata(data).title == long

    def test_exif_fills_what_the_others_do_not_say(self) -> None:
        data = with_exif(_10e="Caption", _13b="Ana; Ben", _8298="© Ana\0© Editor".encode())
        said = read_metadata(with_iim(data, iim((80, b"Of IIM"))))
        assert (said.caption, said.creator) == ("Caption", "Of IIM")
        assert read_metadata(data).creator == "Ana, Ben"
        assert said.copyright == "© Ana; © Editor"

    def test_what_windows_writes_is_the_last_resort(self) -> None:
        text = "Ein Titel\0".encode("utf-16-le")
        words = "eins;zwei\0".encode("utf-16-le")
        assert read_metadata(with_exif(_9c9b=text, _9c9e=words)).title == "Ein Titel"
        assert read_metadata(with_exif(_9c9b=text, _9c9e=words)).keywords == ("eins", "zwei")

    @pytest.mark.parametrize(
        "junk",
        ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "dav", "Default", "Steps: 20, Sampler: Euler", "  "],
    )
    def test_a_caption_that_a_camera_wrote_is_none(self, junk: str) -> None:
        assert read_metadata(with_exif(_10e=junk)).caption == ""

    def test_a_caption_with_the_name_of_a_maker_is_one(self) -> None:
        assert read_metadata(with_exif(_10e="Sony Center, Berlin")).caption == "Sony Center, Berlin"


class TestEncodings:
    @pytest.mark.parametrize(
        ("block", "title"),
        [
            (iim((5, "Frühjahr".encode()), utf8=True), "Frühjahr"),
            (iim((5, "Frühjahr".encode())), "Frühjahr"),
            (iim((5, "Frühjahr".encode("latin-1"))), "Frühjahr"),
            (iim((5, "90 € “x”".encode("cp1252"))), "90 € “x”"),
        ],
        ids=["stated", "guessed", "latin", "windows"],
    )
    def test_iim(self, block: bytes, title: str) -> None:
        assert read_metadata(with_iim(jpeg(), block)).title == title

    @pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
    def test_exif(self, encoding: str) -> None:
        assert read_metadata(with_exif(_13b="Jürgen".encode(encoding))).creator == "Jürgen"

    def test_text_is_cleaned(self) -> None:
        text = "a\u202eb\u0007 c\ufeff\n\n  d"
        said = parse_xmp(packet(alt("dc:title", x_default=text)).encode())
        assert said.title == "ab c d"


class TestDates:
    @pytest.mark.parametrize(
        ("text", "instant", "offset"),
        [
            ("2019:03:14 10:11:12", "2019-03-14T10:11:12+00:00", None),
            ("2019-03-14T10:11:12.25-05:30", "2019-03-14T10:11:12.250000-05:30", -330),
            ("2019-03-14T10:11Z", "2019-03-14T10:11:00+00:00", 0),
            ("2019-03", "2019-03-01T00:00:00+00:00", None),
            ("2019", "2019-01-01T00:00:00+00:00", None),
            ("2019:00:00 00:00:00", "2019-01-01T00:00:00+00:00", None),
        ],
    )
    def test_dates_may_lack_their_end(self, text: str, instant: str, offset: int | None) -> None:
        moment = parse_date(text)
        assert moment is not None
        assert (moment.instant.isoformat(), moment.offset) == (instant, offset)

    @pytest.mark.parametrize(
        "text", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2019-13-01", "2019-02-30", "soon"]
    )
    def test_what_is_no_date_is_none(self, text: str) -> None:
        assert parse_date(text) is None

    def test_the_offset_comes_from_the_source_that_has_it(self) -> None:
        exif = {"_9003": "2019:03:14 10:11:12", "_9011": "+01:00", "_9291": "25"}
        xmp = packet(attributes='photoshop:DateCreated="2019-03-14"').encode()
        data = with_exif(**exif)
        with Image.open(io.BytesIO(data)) as image:
            data = jpeg(exif=image.getexif(), xmp=xmp)
        said = read_metadata(data)
        assert said.captured_at == datetime.datetime.fromisoformat("2019-03-14T09:11:12.25+00:00")
        assert said.captured_offset == 60

    def test_a_date_corrected_in_xmp_wins_over_the_cameras(self) -> None:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = "2000:01:01 00:00:00"
        xmp = packet(attributes='photoshop:DateCreated="2019-03-14T10:11:12+01:00"').encode()
        captured = read_metadata(jpeg(exif=exif, xmp=xmp)).captured_at
        assert captured is not None
        assert captured.year == 2019

    def test_iim_has_date_and_time_apart(self) -> None:
        data = with_iim(jpeg(), iim((55, b"20190314"), (60, b"101112+0100")))
        assert read_metadata(data).captured_offset == 60
        assert read_metadata(with_iim(jpeg(), iim((55, b"20190000")))).captured_at is not None


class TestFormats:
    XMP = packet(alt("dc:title", x_default="In XMP")).encode()

    @pytest.mark.parametrize("fmt", ["JPEG", "WEBP", "AVIF", "TIFF", "GIF"])
    def test_what_pillow_writes(self, fmt: str) -> None:
        exif = Image.Exif()
        exif[0x13B] = "Ana"
        options: dict[str, Any] = {"xmp": self.XMP, "exif": exif}
        if fmt == "TIFF":
            options = {"tiffinfo": {700: self.XMP, 0x13B: "Ana"}}
        if fmt == "GIF":
            trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
            plain = picture_bytes(fmt="GIF")
            block = b"\x21\xff\x0bXMP DataXMP" + self.XMP + trailer
            said = read_metadata(plain[:-1] + block + b";")
            assert said.title == "In XMP"
            return
        said = read_metadata(picture_bytes(fmt=fmt, **options))
        assert (said.title, said.creator) == ("In XMP", "Ana")

    def test_heic(self) -> None:
        exif = Image.Exif()
        exif[0x13B] = "Ana"
        buffer = io.BytesIO()
        image = pillow_heif.from_pillow(Image.new("RGB", (64, 64)))
        image.save(buffer, exif=exif.tobytes(), xmp=self.XMP)
        said = read_metadata(buffer.getvalue())
        assert (said.title, said.creator) == ("In XMP", "Ana")

    @pytest.mark.parametrize("packed", [False, True])
    def test_png(self, packed: bool) -> None:
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", self.XMP.decode(), zip=packed)
        info.add_text("Author", "Ana", zip=packed)
        info.add_itxt("Copyright", "© Ana", zip=packed)
        said = read_metadata(picture_bytes(pnginfo=info))
        assert (said.title, said.creator, said.copyright) == ("In XMP", "Ana", "© Ana")

    def test_raw_profiles_of_a_png(self) -> None:
        block = iim((5, b"In IIM"))
        resources = b"8BIM" + struct.pack(">HHI", 1028, 0, len(block)) + block
        info = PngImagePlugin.PngInfo()
        text = f"\niptc\n{len(resources):8}\n{resources.hex()}\n"
        info.add_text("Raw profile type iptc", text, zip=True)
        assert read_metadata(picture_bytes(pnginfo=info)).title == "In IIM"

    def test_jp2(self) -> None:
        uuid = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
        box = struct.pack(">I4s", 24 + len(self.XMP), b"uuid") + uuid + self.XMP
        assert read_metadata(picture_bytes(fmt="JPEG2000") + box).title == "In XMP"

    def test_a_file_without_metadata_says_nothing(self) -> None:
        for fmt in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"):
            assert read_metadata(picture_bytes(fmt=fmt)) == FileMetadata()
