"""Painting functions of `specs.SCENES`."""

from __future__ import annotations

import random
from collections.abc import Callable

from PIL import Image

from assetbank.demo.drawing.scenes.backdrop import Backdrop
from assetbank.demo.drawing.scenes.indoors import desk, stage, studio, white
from assetbank.demo.drawing.scenes.nature import beach, forest, snow, sunset
from assetbank.demo.drawing.scenes.town import city, night

PAINTINGS: dict[str, Callable[[Backdrop], Image.Image]] = {
    painting.__name__: painting
    for painting in (studio, white, beach, sunset, city, desk, snow, night, forest, stage)
}
"""By the scene's name, which is the name of the function."""


def backdrop(scene: str, size: int, rng: random.Random) -> Image.Image:
    """Return a square RGB image of the scene, `size` pixels wide, without an object."""
    return PAINTINGS[scene](Backdrop(size, rng))
