"""Position, size and angle of an object on the canvas."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assetbank.demo.drawing.geometry import Point, Points


@dataclass(frozen=True)
class Placement:
    """An affine map from object coordinates, about -1 to 1 on both axes, to canvas pixels."""

    canvas: int
    """Width and height of the canvas in pixels."""
    scale: float
    """Pixels in one unit of object space; line widths follow it."""
    matrix: NDArray[np.float64]
    """2 x 2: turns, shears, stretches and scales."""
    centre: NDArray[np.float64]
    """Where the object's origin goes, in pixels: x, y."""

    @classmethod
    def at_random(cls, canvas: int, rng: random.Random) -> Placement:
        scale = rng.uniform(0.60, 0.93) * canvas / 2
        angle = math.radians(rng.gauss(0, 9))
        aspect = rng.uniform(0.92, 1.09)
        shear = rng.uniform(-0.10, 0.10)
        flip = -1 if rng.random() < 0.5 else 1
        cos, sin = math.cos(angle), math.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        lean = np.array([[1, shear], [0, 1]])
        stretch = np.diag([flip * aspect, 1 / aspect])
        free = canvas / 2 - scale * 0.92
        x = canvas / 2 + rng.uniform(-1, 1) * free
        y = canvas / 2 + rng.uniform(-0.8, 1) * free
        return cls(canvas, scale, turn @ lean @ stretch * scale, np.array([x, y]))

    def to_canvas(self, outline: Iterable[Point]) -> Points:
        (a, b), (c, d) = self.matrix.tolist()
        tx, ty = self.centre.tolist()
        return [(a * x + b * y + tx, c * x + d * y + ty) for x, y in outline]

    def object_coordinates(
        self, resolution: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return object-space x and y of a grid of `resolution` x `resolution` canvas points."""
        (a, b), (c, d) = np.linalg.inv(self.matrix)
        grid = (np.arange(resolution) + 0.5) * self.canvas / resolution
        x, y = grid[None, :] - self.centre[0], grid[:, None] - self.centre[1]
        return (a * x + b * y).astype(np.float32), (c * x + d * y).astype(np.float32)
