"""The canvas that all scenes share."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from PIL import Image

from assetbank.demo.drawing.specs import RGB

Stop = tuple[float, RGB]
"""Height from the top, 0 to 1, and the colour there."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


class Backdrop:
    """A square canvas; positions are fractions of its width, 0 to 1."""

    def __init__(self, size: int, rng: random.Random) -> None:
        self.size = size
        self.rng = rng
        self.horizon = rng.uniform(0.48, 0.66)
        """Height of the horizon; drawn for every scene, so that all begin alike."""

    def px(self, fraction: float) -> int:
        return int(fraction * self.size)

    def line_width(self, fraction: float, minimum: int = 1) -> int:
        return max(minimum, self.px(fraction))

    def gradient(self, stops: Sequence[Stop]) -> Image.Image:
        """Return an image of the canvas' size with a colour gradient from top to bottom."""
        heights = np.linspace(0, 1, self.size, dtype=np.float32)
        positions = [position for position, _ in stops]
        channels = [
            np.interp(heights, positions, [colour[channel] for _, colour in stops])
            for channel in range(3)
        ]
        column = np.stack(channels, -1)[:, None, :]
        return Image.fromarray(column.repeat(self.size, 1).astype(np.uint8))

    def shade(self, colour: RGB, spread: int = 14) -> RGB:
        """Return a random similar colour: each channel differs by at most `spread`."""
        red, green, blue = (
            max(0, min(255, channel + self.rng.randint(-spread, spread))) for channel in colour
        )
        return red, green, blue


def around(x: float, y: float, rx: float, ry: float | None = None) -> Box:
    """Return the bounding box of an ellipse, or of a circle, around its centre."""
    ry = rx if ry is None else ry
    return x - rx, y - ry, x + rx, y + ry
