"""Pictures are upright, in every format and by every EXIF orientation."""

from __future__ import annotations

import io

import numpy as np
import pytest
import pyvips
from PIL import Image

from assetbank.media import images, phash
from tests.assetbank.media.pictures import CASES, written

CORNERS = {  # as it is seen: red, green, blue and yellow, from the top left, clockwise
    "top left": (220, 0, 0),
    "top right": (0, 200, 0),
    "bottom right": (0, 0, 220),
    "bottom left": (220, 220, 0),
}
TRANSPOSED = {  # orientation -> what turns the upright picture into the stored one
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def upright() -> Image.Image:
    picture = Image.new("RGB", (64, 96))
    for (x, y), colour in zip(((0, 0), (32, 0), (32, 48), (0, 48)), CORNERS.values(), strict=True):
        picture.paste(colour, (x, y, x + 32, y + 48))
    # Between the corners something that no symmetry maps onto itself
    blots = np.random.default_rng(1).integers(0, 255, (7, 5, 3), np.uint8)
    picture.paste(Image.fromarray(blots).resize((24, 48)), (20, 24))
    return picture


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def file(fmt: str, orientation: int) -> bytes:
    picture = upright()
    if orientation in TRANSPOSED:
        picture = picture.transpose(TRANSPOSED[orientation])
    if fmt == "PNG with EXIF behind the pixels":
        png = written(picture, "PNG", exif=exif(orientation))
        at, end = png.index(b"eXIf") - 4, png.index(b"IDAT") - 4
        chunk, rest = png[at:end], png[end:]
        return png[:at] + rest[:-12] + chunk + rest[-12:]
    if fmt == "AVIF":  # EXIF alone: Pillow would turn it into irot and imir
        stored = pyvips.Image.new_from_array(np.asarray(picture)).copy(interpretation="srgb")
        stored.set_type(pyvips.GValue.blob_type, "exif-data", exif(orientation).tobytes())
        return bytes(stored.heifsave_buffer(compression="av1", Q=95))
    if fmt == "HEIF":
        data = written(picture, fmt, exif=exif(1), quality=95)
        at = data.index(b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x01") + 9
        return data[:at] + bytes([orientation]) + data[at + 1 :]
    if fmt == "HEIF with irot and imir":
        return written(picture, "HEIF", exif=exif(orientation), quality=95)
    if fmt == "AVIF with irot and imir":
        return written(picture, "AVIF", exif=exif(orientation), quality=95)
    options = {"quality": 95} if fmt in {"JPEG", "WEBP"} else {}
    if fmt == "TIFF":
        return written(picture, fmt, tiffinfo={0x0112: orientation})
    return written(picture, fmt, exif=exif(orientation), **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "fmt",
    [
        *("JPEG", "PNG", "PNG with EXIF behind the pixels", "WEBP", "TIFF", "AVIF", "HEIF"),
        *("HEIF with irot and imir", "AVIF with irot and imir"),
    ],
)
def test_all_that_is_made_of_a_picture_is_upright(fmt: str, orientation: int) -> None:
    data = file(fmt, orientation)
    facts = images.examine(data)
    assert (facts.width, facts.height) == (64, 96)
    pictures = [
        *(Image.open(io.BytesIO(rendition)) for rendition in facts.renditions.values()),
        *(
            Image.open(io.BytesIO(images.render(data, fmt=fmt, side=96)))
            for fmt in images.OUTPUT_FORMATS
        ),
        images.load_rgb(io.BytesIO(data), side=64),
    ]
    places = ((12, 12), (52, 12), (52, 84), (12, 84))
    for picture in pictures:
        assert picture.size == (64, 96)
        for place, colour in zip(places, CORNERS.values(), strict=True):
            seen = np.array(picture.convert("RGB").getpixel(place))
            assert np.abs(seen - colour).max() <= 12, (place, seen)
    stored_upright = images.examine(file(fmt, 1))
    assert phash.distance(facts.perceptual_hash, stored_upright.perceptual_hash) <= 10


def test_a_heif_that_says_irot_is_not_turned_again_by_its_exif() -> None:
    """Camera files say both: the container turns, and EXIF repeats it."""
    turned = pyvips.Image.black(96, 64).bandjoin([0, 0]).copy(interpretation="srgb").cast("uchar")
    turned.set_type(pyvips.GValue.blob_type, "exif-data", exif(6).tobytes())
    turned.set_type(pyvips.GValue.gint_type, "orientation", 6)
    data = turned.heifsave_buffer(compression="av1")
    assert b"irot" in data
    assert b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06" in data
    facts = images.examine(data)
    assert (facts.width, facts.height) == (64, 96)


def test_a_broken_orientation_turns_nothing() -> None:
    jpeg = file("JPEG", 6)
    at = jpeg.index(b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06") + 9
    facts = images.examine(jpeg[:at] + b"\x63" + jpeg[at + 1 :])
    assert (facts.width, facts.height) == (96, 64)


def test_the_thumbnail_of_a_file_does_not_count() -> None:
    assert images.examine((CASES / "or6.tif").read_bytes()).height == 320
