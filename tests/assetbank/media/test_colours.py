"""Dominant colours of images, and distances of colours."""

from __future__ import annotations

import io
import itertools
import random

import pytest
from PIL import Image, ImageDraw

from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import COLOURS, Spec
from assetbank.media import colours, images

ROUNDING = colours.EDGE * 3**0.5 / 2  # maximum distance of a colour from the centre of its cell


def named(colour: str) -> str:
    return "#" + bytes(COLOURS[colour]).hex()


def found(picture: Image.Image, colour: str) -> bool:
    """Return whether the filter for the colour finds the image."""
    wanted = set(colours.cells_near(colour))
    return not wanted.isdisjoint(colours.cells(colours.dominant_colours(picture)))


# Distances and cells


def test_oklab_agrees_with_published_values() -> None:
    assert colours.oklab([255, 255, 255]) == pytest.approx([1, 0, 0], abs=1e-4)
    assert colours.oklab([255, 0, 0]) == pytest.approx([0.628, 0.225, 0.126], abs=1e-3)
    assert colours.oklab([0, 0, 255]) == pytest.approx([0.452, -0.032, -0.312], abs=1e-3)


@pytest.mark.parametrize(
    ("swatch", "near", "far"),
    [
        (
            "red",
            ["#ff2400", "#dc143c", "#b22222", "#ff0000", "#cc0000"],
            ["#ff8c00", "#ffc0cb", "#ff69b4", "#ff1493", "#800000", "#8b4513"],
        ),
        ("blue", ["#4169e1", "#1e90ff"], ["#000080", "#87ceeb", "#008080", "#800080", "#808080"]),
        ("green", ["#228b22", "#2e8b57", "#008000"], ["#ffff00", "#008080", "#808080", "#90ee90"]),
        ("white", ["#ffffff", "#f5f5f5"], ["#808080", "#ffc0cb", "#87ceeb", "#d2b48c"]),
        ("black", ["#222222", "#333333"], ["#000080", "#8b0000", "#696969"]),
    ],
)
def test_a_colour_finds_its_shades_and_not_its_neighbours(
    swatch: str, near: list[str], far: list[str]
) -> None:
    wanted = set(colours.cells_near(dict(colours.SWATCHES)[swatch]))
    assert [shade for shade in near if not wanted & set(colours.cells([shade]))] == []
    assert [other for other in far if wanted & set(colours.cells([other]))] == []


@pytest.mark.slow
def test_cells_agree_with_the_distance_everywhere() -> None:
    rng = random.Random(1)
    corners = ["#" + bytes(rgb).hex() for rgb in itertools.product((0, 255), repeat=3)]
    asked = corners + ["#" + rng.randbytes(3).hex() for _ in range(30)]
    kept = corners + ["#" + rng.randbytes(3).hex() for _ in range(400)]
    outcomes = set()
    for colour, other in itertools.product(asked, kept):
        hit = colours.cells([other])[0] in colours.cells_near(colour)
        outcomes.add(hit)
        assert (colours.distance(colour, other) <= colours.RADIUS + ROUNDING) or not hit
        assert (colours.distance(colour, other) >= colours.RADIUS - ROUNDING) or hit
    assert outcomes == {True, False}


def test_a_filter_stays_short() -> None:
    rng = random.Random(2)
    asked = [hex for _, hex in colours.SWATCHES] + ["#" + rng.randbytes(3).hex() for _ in range(99)]
    assert max(len(colours.cells_near(colour)) for colour in asked) <= 150


def test_no_swatch_finds_another() -> None:
    swatches = [colour for _, colour in colours.SWATCHES]
    for first, second in itertools.permutations(swatches, 2):
        assert colours.cells([first])[0] not in colours.cells_near(second)


@pytest.mark.parametrize("text", ["red", "#fff", "#12345g", "#1234567", "", "#123456\n"])
def test_what_is_not_a_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a colour such as #c81c26"):
        colours.cells_near(text)
    with pytest.raises(ValueError, match="is not a colour such as #c81c26"):
        colours.cells([text])


def test_shades_of_one_cell_are_kept_once() -> None:
    assert len(colours.cells(["#c81c26", "#c81c27", "#265cda"])) == 2
    assert colours.cells([]) == []


# Dominant colours


def test_a_picture_of_one_colour_has_that_colour() -> None:
    assert colours.dominant_colours(Image.new("RGB", (300, 200), "#265cda")) == ("#265cda",)


def test_the_largest_share_comes_first() -> None:
    picture = Image.new("RGB", (100, 100), "#606060")
    picture.paste("#909090", (0, 0, 100, 30))
    picture.paste("#303030", (0, 90, 100, 100))
    assert colours.dominant_colours(picture) == ("#606060", "#909090", "#303030")


def test_specks_do_not_count_and_five_colours_are_enough() -> None:
    picture = Image.new("RGB", (120, 120))
    bands = ["#c81c26", "#f8d828", "#229244", "#265cda", "#f6f6f4", "#161618", "#f48cb6"]
    for band, colour in enumerate(bands):
        picture.paste(colour, (0, band * 17, 120, band * 17 + 18))
    picture.paste("#00ffff", (50, 50, 65, 65))
    chosen = colours.dominant_colours(picture)
    assert len(chosen) == 5
    assert min(colours.distance("#00ffff", colour) for colour in chosen) > colours.RADIUS


def test_stripes_are_two_colours_and_not_their_average() -> None:
    picture = Image.new("RGB", (480, 480), "#f6f6f4")
    for x in range(0, 480, 16):
        picture.paste("#c81c26", (x, 0, x + 8, 480))
    assert set(colours.dominant_colours(picture)) == {"#c81c26", "#f6f6f4"}


@pytest.mark.parametrize("colour", ["red", "yellow", "green", "blue", "black", "brown"])
def test_a_small_product_before_a_plain_backdrop_shows_its_colour(colour: str) -> None:
    picture = Image.new("RGB", (480, 480), "#ffffff")
    # 3 % of the image: without a plain backdrop it would not count
    ImageDraw.Draw(picture).ellipse((200, 220, 295, 312), named(colour))
    assert found(picture, named(colour))
    assert found(picture, "#ffffff")


@pytest.mark.parametrize("scene", ["white", "studio"])
def test_drawn_products_are_found_by_their_colour(scene: str) -> None:
    objects = ["handbag", "dress", "tshirt", "sofa", "teddy", "jacket", "mug"]
    shades = ["red", "orange", "green", "blue", "navy", "purple", "pink", "black"]
    pairs = list(itertools.product(objects, shades))
    hits = [
        found(render(Spec(obj, shade, scene=scene), 240, 1), named(shade)) for obj, shade in pairs
    ]
    assert sum(hits) >= 0.95 * len(hits)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 2)])
def test_odd_shapes_have_colours_too(size: tuple[int, int]) -> None:
    assert colours.dominant_colours(Image.new("RGB", size, "#265cda")) == ("#265cda",)


# Ingest


def test_intake_learns_colours_and_hash_and_so_does_a_second_look() -> None:
    file = io.BytesIO()
    render(Spec("handbag", "red", scene="white"), 900, 1).save(file, "JPEG")
    picture = images.examine(file.getvalue())
    assert found(images.load_rgb(file, side=480), named("red"))
    assert images.extract_features(file.getvalue()) == (picture.colours, picture.perceptual_hash)
