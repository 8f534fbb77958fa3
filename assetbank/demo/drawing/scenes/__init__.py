"""How each scene of `specs.SCENES` is painted."""

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
    """A square RGB picture of the scene, `size` pixels wide, with nothing in front of it."""
    return PAINTINGS[scene](Backdrop(size, rng))
