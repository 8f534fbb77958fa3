"""Copies are distinguished from merely similar images by their pixels."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from PIL import Image

from assetbank.demo.drawing.objects import DRAWINGS
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec, random_spec
from search.duplicates.pixel_match import SAME_THRESHOLD, pixel_arrays, same_image_score
from tests.search.duplicates.copies import COPIES, Copy

WARES = ("handbag", "sofa", "teddy", "boot", "guitar", "teapot", "dress", "camera")


def likeness(first: Image.Image, second: Image.Image) -> float:
    return same_image_score(pixel_arrays(first), pixel_arrays(second))


def room(seed: int) -> Image.Image:
    """Return an image as rough as a photograph: clouds of all sizes, more light than colour."""
    rng = np.random.default_rng(seed)
    levels = np.zeros((360, 480, 3))
    for octave in range(7):
        rows, columns = 3 * 2**octave, 4 * 2**octave
        cloud = rng.normal(size=(rows, columns, 1)) + 0.3 * rng.normal(size=(rows, columns, 3))
        for channel in range(3):
            layer = Image.fromarray(cloud[..., channel].astype(np.float32))
            levels[..., channel] += np.asarray(layer.resize((480, 360))) / 1.6**octave
    return Image.fromarray((128 + 40 * levels).clip(0, 255).astype(np.uint8))


def furnished(seed: int, ware: str, pose: int) -> Image.Image:
    """Return a room with a product in its centre."""
    rng = random.Random(pose)
    painter = Painter(300, Spec(ware, rng.choice(["red", "blue", "white"])), rng)
    DRAWINGS[ware](painter)
    picture = room(seed)
    picture.paste(painter.image, (90, 30), painter.image)
    return picture


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.__name__)
def test_a_copy_is_the_same_picture(copy: Copy) -> None:
    rng = random.Random(1)
    originals = [furnished(seed, ware, seed) for seed, ware in enumerate(WARES)]
    found = [likeness(original, copy(original, rng)) >= SAME_THRESHOLD for original in originals]
    assert sum(found) >= 7


@pytest.mark.parametrize("scene", ["studio", "city"])
def test_a_product_drawn_again_is_another_picture(scene: str) -> None:
    pairs = [
        [render(Spec(ware, "red", scene=scene, seed=n), 240, 1) for n in (1, 2)] for ware in WARES
    ]
    assert [likeness(*pair) < SAME_THRESHOLD for pair in pairs] == [True] * len(WARES)


def test_two_products_in_one_room_are_two_pictures() -> None:
    pairs = [
        (furnished(seed, ware, seed), furnished(seed, other, 9))
        for seed, (ware, other) in enumerate(itertools.pairwise(WARES))
    ]
    assert [likeness(*pair) < SAME_THRESHOLD for pair in pairs] == [True] * len(pairs)


def test_different_pictures_are_not_the_same() -> None:
    rng = random.Random(3)
    thumbs = [pixel_arrays(render(random_spec(rng), 240, 1)) for _ in range(10)]
    others = [same_image_score(a, b) for at, a in enumerate(thumbs) for b in thumbs[:at]]
    assert max(others) < SAME_THRESHOLD


def test_it_does_not_matter_which_picture_comes_first() -> None:
    original = furnished(1, "sofa", 1)
    part = original.crop((60, 40, 420, 340)).resize((200, 167))
    assert likeness(original, part) >= SAME_THRESHOLD
    assert likeness(part, original) == pytest.approx(likeness(original, part), abs=0.02)


def test_a_picture_is_like_itself() -> None:
    assert likeness(room(1), room(1)) == pytest.approx(1, abs=0.05)


def test_a_mirrored_picture_is_another() -> None:
    picture = furnished(2, "guitar", 2)
    assert likeness(picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) < SAME_THRESHOLD


def test_plain_surfaces_are_never_called_the_same() -> None:
    assert likeness(Image.new("RGB", (480, 480), "white"), Image.new("RGB", (480, 360))) == 0


@pytest.mark.parametrize("size", [(1, 1), (480, 1), (2, 480), (30, 20)])
def test_odd_shapes_are_compared_too(size: tuple[int, int]) -> None:
    strip = room(4).crop((0, 0, *size))
    assert 0 <= likeness(strip, room(4)) <= 1
    assert 0 <= likeness(strip, strip) <= 1
