"""Offline engine: the layout of the images that it draws."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from generation.engines import DrawRequest, ReferenceImage
from generation.engines.sketch import engine
from generation.engines.sketch.panel import INK, LABEL, PAPER, fit
from generation.errors import InvalidRequest

FORMATS = ["1:1", "2:3", "3:2", "4:5", "5:4", "9:16", "16:9", "21:9", "1:4", "4:1", "1:8", "8:1"]
RED = (200, 30, 40)
REQUEST = DrawRequest(
    prompt="A cape on a marble staircase",
    references=(),
    model="sketch",
    aspect_ratio="16:9",
    image_size="1K",
    palette=("#102a6b", "#e0b040", "#f4ead8"),
    brand="Maison Aurelle",
)


def reference(
    colour: tuple[int, ...] = RED,
    size: tuple[int, int] = (300, 400),
    *,
    mode: str = "RGB",
    kind: str = "PNG",
) -> ReferenceImage:
    out = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).convert(mode).save(out, kind)
    return ReferenceImage(out.getvalue(), f"image/{kind.lower()}", "Cape, front")


def board(request: DrawRequest) -> Image.Image:
    (image,) = engine.draw(request).images
    assert image.mime_type == "image/jpeg"
    opened = Image.open(io.BytesIO(image.data))
    opened.load()
    return opened


def share(picture: Image.Image, colour: tuple[int, ...], *, within: int = 14) -> float:
    """Return the share of pixels with that colour, from 0 to 1."""
    small = picture.resize((300, 300), Image.Resampling.NEAREST)
    return float(near(small, colour, within).mean())


def near(picture: Image.Image, colour: tuple[int, ...], within: int) -> Any:
    """Return a boolean array, height x width: True for pixels with that colour."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.int16)
    return (np.abs(pixels - np.array(colour)) <= within).all(axis=2)


def seen_by_an_encoder(picture: Image.Image) -> Image.Image:
    """Return the square in the centre, to which CLIP's preprocessing crops."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


# --- the board ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "size", "pixels"),
    [
        ("1:1", "1K", (1024, 1024)),
        ("16:9", "1K", (1024, 576)),
        ("9:16", "2K", (1152, 2048)),
        ("3:2", "4K", (4096, 2731)),
        ("8:1", "1K", (3072, 384)),
        ("4:5", "", (819, 1024)),
    ],
)
def test_the_picture_has_the_format_and_size_asked_for(
    ratio: str, size: str, pixels: tuple[int, int]
) -> None:
    assert board(replace(REQUEST, aspect_ratio=ratio, image_size=size)).size == pixels


@pytest.mark.parametrize("ratio", ["wide", "0:1", "16x9", "1:"])
def test_a_format_that_is_none_is_refused(ratio: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        engine.draw(replace(REQUEST, aspect_ratio=ratio))
    assert raised.value.code == "unknown_aspect_ratio"


def test_the_same_request_gives_the_same_bytes_and_another_prompt_others() -> None:
    first = engine.draw(REQUEST)
    assert engine.draw(REQUEST) == first
    assert engine.draw(replace(REQUEST, prompt="Another")).images != first.images


@pytest.mark.parametrize("ratio", FORMATS)
@pytest.mark.parametrize("count", [0, 14])
def test_every_picture_is_labelled_a_draft(ratio: str, count: int) -> None:
    request = replace(REQUEST, aspect_ratio=ratio, references=(reference(),) * count)
    picture = board(request)
    assert picture.info["comment"] == LABEL.encode()
    # the label is a solid dark box, wider than any stroke of a letter, with light letters in it
    dark = near(picture, INK, 12)
    wide = min(picture.size) // 8
    runs = np.lib.stride_tricks.sliding_window_view(dark, wide, axis=1).all(axis=2)
    rows, columns = np.nonzero(runs)
    assert rows.size, "there is no label"
    box = picture.crop((columns.min(), rows.min(), columns.max() + wide, rows.max()))
    assert share(box, INK) > 0.5
    assert share(box, PAPER, within=40) > 0.02


def test_the_palette_of_the_brand_is_shown() -> None:
    panel = board(replace(REQUEST, references=(reference(),))).crop((717, 0, 1024, 576))
    for colour in ((0x10, 0x2A, 0x6B), (0xE0, 0xB0, 0x40), (0xF4, 0xEA, 0xD8)):
        assert share(panel, colour, within=8) > 0.01


def test_without_a_palette_the_prompts_colours_are_used() -> None:
    request = replace(REQUEST, palette=(), prompt="Navy coat, crimson scarf")
    picture = board(request)
    assert share(picture, (0, 0, 128)) > 0.003
    assert share(picture, (220, 20, 60)) > 0.003
    assert share(board(replace(request, prompt="A coat, a scarf")), (220, 20, 60)) == 0


def test_no_colour_is_shown_that_is_not_the_brands() -> None:
    request = replace(REQUEST, palette=("#102a6b",), references=(reference(),))
    panel = board(request).crop((725, 0, 1024, 576))
    red, _, blue = panel.split()
    far = np.abs(np.asarray(red, dtype=int) - np.asarray(blue, dtype=int)) > 40
    assert far.mean() > 0.01
    assert (near(panel, (0x10, 0x2A, 0x6B), 40) | ~far).mean() > 0.999


def test_palettes_nobody_can_read_are_left_out() -> None:
    assert board(replace(REQUEST, palette=("no colour", "#12", ""))).size == (1024, 576)


# --- references ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", FORMATS)
@pytest.mark.parametrize("size", [(300, 400), (400, 300)])
def test_the_first_reference_is_what_an_encoder_sees(ratio: str, size: tuple[int, int]) -> None:
    others = (reference((30, 140, 90)), reference((90, 60, 160)))
    request = replace(REQUEST, aspect_ratio=ratio, references=(reference(RED, size), *others))
    middle = seen_by_an_encoder(board(request))
    assert share(middle, RED) > 0.35
    assert share(middle, RED) > 2 * share(middle, (30, 140, 90))


@pytest.mark.parametrize("ratio", ["1:1", "16:9", "9:16", "4:1"])
def test_all_fourteen_references_are_shown(ratio: str) -> None:
    colours = [(18 * number, 250 - 17 * number, 40 * (number % 6)) for number in range(14)]
    request = replace(REQUEST, aspect_ratio=ratio, references=tuple(map(reference, colours)))
    picture = board(request)
    for colour in colours:
        assert share(picture, colour, within=6) > 0.001, colour


def test_a_tall_reference_is_not_cropped_into_a_wide_format() -> None:
    out = io.BytesIO()
    tall = Image.new("RGB", (200, 400), "white")
    ImageDraw.Draw(tall).rectangle((0, 0, 199, 30), fill=RED)
    ImageDraw.Draw(tall).rectangle((0, 369, 199, 399), fill=(20, 40, 180))
    tall.save(out, "PNG")
    request = replace(REQUEST, references=(ReferenceImage(out.getvalue(), "image/png", "Tall"),))
    picture = board(request)
    assert share(picture, RED, within=30) > 0.005
    assert share(picture, (20, 40, 180), within=30) > 0.005


@pytest.mark.parametrize(
    "make",
    [
        lambda: reference((*RED, 128), mode="RGBA"),
        lambda: reference(mode="P"),
        lambda: reference(mode="L"),
        lambda: reference(mode="1"),
        lambda: reference(mode="I;16"),
        lambda: reference(mode="CMYK", kind="JPEG"),
        lambda: reference(kind="WEBP"),
        lambda: reference(kind="HEIF"),
        lambda: reference(size=(1, 900)),
    ],
)
def test_references_of_every_kind_are_read(make: Callable[[], ReferenceImage]) -> None:
    assert board(replace(REQUEST, references=(make(), make()))).size == (1024, 576)


def test_references_stand_upright() -> None:
    sideways = Image.new("RGB", (400, 300), RED)
    exif = sideways.getexif()
    exif[0x0112] = 6
    out = io.BytesIO()
    sideways.save(out, "JPEG", exif=exif)
    turned = ReferenceImage(out.getvalue(), "image/jpeg", "Sideways")
    upright = board(replace(REQUEST, aspect_ratio="1:1", references=(turned,)))
    straight = board(replace(REQUEST, aspect_ratio="1:1", references=(reference(),)))
    assert abs(share(upright, RED) - share(straight, RED)) < 0.02


@pytest.mark.parametrize("data", [b"", b"no picture", reference().data[:60]])
def test_a_reference_that_cannot_be_read_is_named(data: bytes) -> None:
    broken = ReferenceImage(data, "image/png", "Cape, back")
    with pytest.raises(InvalidRequest, match="Cape, back") as raised:
        engine.draw(replace(REQUEST, references=(broken,)))
    assert raised.value.code == "unreadable_reference"


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt",
    [
        "Robe d'\u00e9t\u00e9, fa\u00e7ade \u2014 gr\u00f6\u00dfer",
        "\u8d64\u3044\u30b7\u30eb\u30af\u306e\u30b1\u30fc\u30d7",
        "\u0639\u0628\u0627\u0621\u0629 \u062d\u0631\u064a\u0631\u064a\u0629",
        "\U0001f457 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
        "tab\tnull\x00bell\x07 e\u0301 \u200b",
        "half a pair \ud83d",
        "word " * 4000,
        "x" * 5000,
        "\n\n\n",
        "\U000f0000",
    ],
)
@pytest.mark.parametrize("ratio", ["16:9", "9:16"])
def test_no_prompt_is_too_odd_or_too_long(prompt: str, ratio: str) -> None:
    picture = board(replace(REQUEST, prompt=prompt, aspect_ratio=ratio))
    width, height = picture.size
    # the margin of the panel stays empty
    edge = picture.crop((width - 12, height - 12, width, height))
    assert share(edge, PAPER) > 0.95


def test_words_stay_within_their_box() -> None:
    text = "A rather long sentence about a cape " * 12
    lines = fit(text, (260, 300), largest=40, smallest=10)
    assert lines.height <= 300
    assert all(lines.font.getlength(line) <= 260 for line in lines.lines)
    assert " ".join(lines.lines).split() == text.split()


def test_short_prompts_get_larger_letters_than_long_ones() -> None:
    short = fit("A cape", (260, 300), largest=40, smallest=10)
    long = fit("A cape " * 60, (260, 300), largest=40, smallest=10)
    assert short.step > 2 * long.step


def test_what_does_not_fit_ends_in_dots() -> None:
    lines = fit("A cape in the wind " * 500, (200, 100), largest=20, smallest=12)
    assert lines.height <= 100
    assert lines.lines[-1].endswith("...")
    assert lines.font.getlength(lines.lines[-1]) <= 200


def test_a_word_wider_than_the_box_is_broken() -> None:
    lines = fit("Rindfleisch" * 12, (150, 400), largest=20, smallest=12)
    assert "".join(lines.lines) == "Rindfleisch" * 12
    assert all(lines.font.getlength(line) <= 150 for line in lines.lines)
