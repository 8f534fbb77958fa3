"""Files that went wrong in other libraries, each with its right value."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from assetbank.media import images
from tests.assetbank.media.pictures import CASES, FLAT

CORNER = (40, 40)  # the first of the four colours of the flat pictures
RIGHT = {  # name -> size, and colours by place
    "plain.png": ((320, 200), {CORNER: FLAT}),
    "linear_srgb.png": ((320, 200), {CORNER: FLAT}),
    "linear_other.png": ((320, 200), {CORNER: FLAT}),
    "gama1.png": ((320, 200), {CORNER: FLAT}),
    "cicp_p3.png": ((320, 200), {CORNER: FLAT}),
    "p3_nclx.avif": ((320, 200), {CORNER: FLAT}),
    "p3_nclx.heic": ((320, 200), {CORNER: FLAT}),
    "cmyk_noicc.jpg": ((320, 200), {CORNER: FLAT}),
    "t_cmyka.tif": ((320, 200), {CORNER: FLAT, (310, 190): (128, 128, 128)}),
    "t_la16.tif": ((320, 200), {CORNER: (200, 200, 200), (310, 190): (128, 128, 128)}),
    "t_f32rgb.tif": ((320, 200), {CORNER: FLAT, (310, 190): (128, 128, 128)}),
    "t_lab16.tif": ((320, 200), {CORNER: (148, 148, 148), (310, 190): (148, 148, 148)}),
    "t_webp.tif": ((320, 200), {CORNER: FLAT, (310, 190): (128, 128, 128)}),
    "t_planar16.tif": ((320, 200), {CORNER: FLAT, (310, 190): (128, 128, 128)}),
    # Stored lying on their side: red is at the top once they are upright
    "or6.jpg": ((200, 320), {CORNER: (220, 0, 0), (190, 10): (220, 0, 0), (10, 300): (0, 0, 220)}),
    "or6.tif": ((200, 320), {CORNER: (220, 0, 0), (190, 10): (220, 0, 0), (10, 300): (0, 0, 220)}),
    "h.heic": ((200, 320), {CORNER: (220, 0, 0), (190, 10): (220, 0, 0), (10, 300): (0, 0, 220)}),
    "white_logo.png": ((600, 240), {(10, 10): (32, 32, 32), (300, 120): (255, 255, 255)}),
    "meta.jpg": ((240, 300), {(10, 10): (130, 166, 102)}),
}


Places = Mapping[tuple[int, int], tuple[int, ...]]


def near(picture: Image.Image, places: Places, tolerance: int = 3) -> None:
    for place, colour in places.items():
        pixel: Any = picture.getpixel(place)
        assert np.abs(np.array(pixel) - colour).max() <= tolerance, (place, pixel)


def test_every_case_has_its_right_value() -> None:
    assert {path.name for path in CASES.iterdir()} == set(RIGHT)


@pytest.mark.parametrize("name", RIGHT)
def test_a_file_is_shown_as_its_author_saw_it(name: str) -> None:
    data = (CASES / name).read_bytes()
    size, places = RIGHT[name]
    facts = images.examine(data)
    assert (facts.width, facts.height) == size
    preview = Image.open(io.BytesIO(facts.renditions["preview"]))
    assert preview.size == size
    if name != "meta.jpg":  # its corner is no flat colour
        # HEVC has lost two of 255 already, and WebP's YCbCr loses as many again
        near(images.flatten(preview), places, 4 if name == "p3_nclx.heic" else 3)
    near(images.load_rgb(io.BytesIO(data), side=300), places)
    for fmt in images.OUTPUT_FORMATS:
        other = Image.open(io.BytesIO(images.render(data, fmt=fmt, side=8_000)))
        assert other.size == size
        assert "icc_profile" in other.info
        assert other.getexif().get(0x0112, 1) == 1


def test_a_white_logo_keeps_its_transparency_and_is_found_as_white() -> None:
    facts = images.examine((CASES / "white_logo.png").read_bytes())
    assert facts.colours == ("#ffffff",)
    for name in images.SHOWN:
        rendition = facts.renditions[name]
        assert Image.open(io.BytesIO(rendition)).getchannel("A").getextrema() == (0, 255)
    assert images.extract_features(facts.renditions["grid"])[0] == facts.colours


@pytest.mark.parametrize("name", ["or6.jpg", "h.heic", "cmyk_noicc.jpg", "meta.jpg", "gama1.png"])
def test_a_model_gets_upright_srgb_without_metadata(name: str) -> None:
    data = (CASES / name).read_bytes()
    sent, mime = images.as_reference(data, side=2_000)
    assert sent != data
    picture = Image.open(io.BytesIO(sent))
    assert (mime, picture.format, picture.mode) == ("image/jpeg", "JPEG", "RGB")
    assert not picture.getexif()
    assert "xmp" not in picture.info
    assert picture.size == RIGHT[name][0]
    if name != "meta.jpg":
        near(picture, RIGHT[name][1])


@pytest.mark.parametrize("name", ["plain.png", "white_logo.png"])
def test_a_model_gets_the_bytes_of_a_file_that_is_plain_srgb(name: str) -> None:
    data = (CASES / name).read_bytes()
    assert images.as_reference(data, side=2_000) == (data, "image/png")
    smaller, _ = images.as_reference(data, side=100)
    assert max(Image.open(io.BytesIO(smaller)).size) == 100
