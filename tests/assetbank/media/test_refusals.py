"""What is refused, with which sentence and status; and what is not refused."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from assetbank.errors import (
    PictureDamaged,
    PictureRefused,
    PictureTooLarge,
    PictureUnsupported,
)
from assetbank.media import images
from tests.assetbank.media.pictures import CASES, FLAT, furthest, png_with, written

Settings = Any


def photo(width: int = 300, height: int = 200) -> Image.Image:
    grain = np.random.default_rng(0).integers(0, 40, (height, width, 3))
    ramp = np.linspace(0, 200, width).astype(int)[None, :, None]
    return Image.fromarray((grain + ramp).astype(np.uint8))


FILES = {
    "JPEG": written(photo(), "JPEG"),
    "progressive JPEG": written(photo(), "JPEG", progressive=True),
    "PNG": written(photo(), "PNG"),
    "WEBP": written(photo(), "WEBP"),
    "lossless WEBP": written(photo(), "WEBP", lossless=True),
    "GIF": written(photo(), "GIF"),
    "TIFF": written(photo(), "TIFF"),
    "TIFF with LZW": written(photo(), "TIFF", compression="tiff_lzw"),
    "BMP": written(photo(), "BMP"),
    "AVIF": written(photo(), "AVIF"),
    "HEIF": written(photo(), "HEIF"),
    "JPEG2000": written(photo(), "JPEG2000"),
    "PPM": written(photo(), "PPM"),
    "QOI": written(photo(), "QOI"),
}


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_ends_early_is_damaged(name: str, share: float) -> None:
    data = FILES[name]
    if name == "JPEG2000" and share > 0.9:
        pytest.skip("its decoder takes the layers that are there")
    cut = data[: int(len(data) * share)]
    for verb in (
        lambda: images.examine(cut),
        lambda: images.load_rgb(io.BytesIO(cut), side=20),
        lambda: images.render(cut, fmt="PNG", side=50),
    ):
        with pytest.raises(PictureDamaged) as refused:
            verb()
        assert (refused.value.status, refused.value.code) == (400, "picture_damaged")


def test_a_large_jpeg_is_read_to_its_end_at_a_fraction_of_its_size() -> None:
    for options in ({}, {"progressive": True}):
        data = written(photo(4_000, 3_000), "JPEG", quality=60, **options)
        assert images.examine(data).width == 4_000
        for cut in (3, 2_000, len(data) // 2):
            with pytest.raises(PictureDamaged):
                images.examine(data[:-cut])


@pytest.mark.parametrize("name", ["AVIF", "HEIF", "PNG", "JPEG", "WEBP", "TIFF", "BMP", "QOI"])
def test_what_follows_a_picture_does_not_matter(name: str) -> None:
    facts = images.examine(FILES[name] + b"trailing bytes" * 50)
    assert (facts.width, facts.height) == (300, 200)


@pytest.mark.parametrize(
    "data",
    [
        b"not a picture",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
        b"%PDF-1.7\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"PK\x03\x04" + b"\0" * 40,
        b"\x00\x00\x00\x18ftypmp42" + b"\0" * 40,
    ],
    ids=["text", "eps", "pdf", "svg", "zip", "mp4"],
)
def test_what_is_no_picture_is_an_unsupported_type(data: bytes) -> None:
    with pytest.raises(PictureUnsupported, match="not a supported image") as refused:
        images.examine(data)
    assert (refused.value.status, refused.value.code) == (415, "picture_unsupported")


def test_too_many_pixels_are_refused_by_the_header(settings: Settings) -> None:
    settings.MAX_PIXELS = 50_000
    for data in FILES.values():
        with pytest.raises(PictureTooLarge, match="megapixels") as refused:
            images.examine(data)
        assert refused.value.status == 413


def tiff(*tags: tuple[int, int, int], pixels: int = 4_000) -> bytes:
    """Return a TIFF of 32 x 32 pixels with these further (tag, type, value)."""
    wanted = {256: (3, 32), 257: (3, 32), 273: (4, 8), 278: (3, 32), 279: (4, pixels)}
    wanted |= {tag: (kind, value) for tag, kind, value in tags}
    entries = b"".join(
        struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value)
        for tag, (kind, value) in sorted(wanted.items())
    )
    directory = struct.pack("<H", len(wanted)) + entries + b"\0" * 4
    return b"II*\0" + struct.pack("<I", 8 + pixels) + b"\x55" * pixels + directory


@pytest.mark.parametrize(
    ("tags", "layout"),
    [
        ([(258, 3, 8), (259, 3, 34661), (262, 3, 1), (277, 3, 1)], "JBIG compression"),
        ([(258, 3, 8), (259, 3, 9999), (262, 3, 1), (277, 3, 1)], "compression 9999"),
        ([(258, 3, 24), (259, 3, 1), (262, 3, 1), (277, 3, 1)], "24-bit"),
        ([(258, 3, 8), (259, 3, 1), (262, 3, 32803), (277, 3, 1)], "CFA"),
    ],
)
def test_a_tiff_of_an_unknown_kind_is_named(tags: list[tuple[int, int, int]], layout: str) -> None:
    with pytest.raises(PictureUnsupported) as refused:
        images.examine(tiff(*tags))
    assert refused.value.status == 415
    assert refused.value.message.startswith("This is a TIFF of a kind that cannot be read: ")
    assert layout in refused.value.message


def test_twelve_bits_keep_their_brightness() -> None:
    data = tiff((258, 3, 12), (259, 3, 1), (262, 3, 1), (277, 3, 1), pixels=32 * 48)
    assert furthest(data, (0x55, 0x55, 0x55)) <= 3


def test_a_png_or_jpeg_of_an_unknown_kind_is_not_called_damaged() -> None:
    jpeg = FILES["JPEG"]
    at = jpeg.index(b"\xff\xc0") + 4
    with pytest.raises(PictureUnsupported, match="of a kind that cannot be read"):
        images.examine(jpeg[:at] + b"\x0c" + jpeg[at + 1 :])  # 12 bits a sample


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"],
)
def test_broken_exif_refuses_nothing(fmt: str, exif: bytes) -> None:
    options = {"lossless": True} if fmt == "WEBP" else {}
    data = written(Image.new("RGB", (64, 48), FLAT), fmt, exif=exif, **options)
    assert furthest(data) <= 3


@pytest.mark.parametrize("fmt", ["JPEG", "WEBP"])
def test_broken_xmp_refuses_nothing(fmt: str) -> None:
    data = written(photo(), fmt, xmp=b"<x:xmpmeta \xff\xfe not closed")
    assert images.examine(data).xmp.startswith(b"<x:xmpmeta")


def test_a_png_with_huge_texts_is_a_picture() -> None:
    texts = PngImagePlugin.PngInfo()
    for number in range(20):
        texts.add_text(f"Comment {number}", "x" * 900_000, zip=True)
    assert furthest(written(Image.new("RGB", (64, 48), FLAT), "PNG", pnginfo=texts)) <= 3
    broken = png_with(written(Image.new("RGB", (64, 48), FLAT), "PNG"), (b"zTXt", b"a\0\0bad"))
    assert furthest(broken) <= 3


def test_the_refusal_says_what_to_do() -> None:
    with pytest.raises(PictureRefused) as refused:
        images.examine(tiff((258, 3, 8), (259, 3, 34661), (262, 3, 1), (277, 3, 1)))
    assert "Save it as an ordinary JPEG, PNG or TIFF." in refused.value.message


def test_channels_that_are_no_transparency_are_left_out() -> None:
    """The third and fourth of grey, mask and spot colours are not shown."""
    rgbx = photo().convert("RGBX")
    data = written(rgbx, "TIFF")
    assert Image.open(io.BytesIO(images.render(data, fmt="PNG", side=300))).mode == "RGB"


def test_multiplied_transparency_is_divided_out() -> None:
    half = Image.new("RGBa", (64, 48), (100, 30, 20, 128))
    buffer = io.BytesIO()
    Image.frombytes("RGBA", half.size, half.tobytes()).save(buffer, "TIFF")
    data = buffer.getvalue()
    at = data.index(struct.pack("<HHI", 338, 3, 1)) + 8
    data = data[:at] + struct.pack("<H", 1) + data[at + 2 :]  # ExtraSamples: associated
    pixel = Image.open(io.BytesIO(images.render(data, fmt="PNG", side=64))).getpixel((30, 20))
    assert np.abs(np.array(pixel) - (199, 60, 40, 128)).max() <= 2


def test_the_cases_are_decoded_and_not_refused() -> None:
    for path in CASES.iterdir():
        images.examine(path.read_bytes())
