"""Surface of an object: its colour with shading, gloss and pattern."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from assetbank.demo.drawing.palette import Inks, luminance
from assetbank.demo.drawing.placement import Placement
from assetbank.demo.drawing.specs import METALS, Spec

Plane = NDArray[np.floating[Any]]
"""Height x width, one number for each pixel."""
Surface = NDArray[np.floating[Any]]
"""Height x width x RGB, 0 to 255."""
Mask = NDArray[np.bool_]


def surface(spec: Spec, inks: Inks, placement: Placement, rng: random.Random) -> Image.Image:
    """Return the texture of the whole canvas; shapes are cut out of it.

    It is computed in the object's own coordinates, so it turns and leans with the object, and
    at half the resolution of the canvas, since it is soft anyway.
    """
    u, v = placement.object_coordinates(max(64, placement.canvas // 2))
    base = np.array(inks.base, np.float32)
    shaded = _brushed(base, u, v, rng) if spec.colour in METALS else _matt(spec, inks, u, v, rng)
    if spec.pattern in ("striped", "dotted", "checked"):
        shaded = _patterned(spec, inks, shaded, u, v, rng)
    small = Image.fromarray(np.clip(shaded, 0, 255, out=shaded).astype(np.uint8))
    return small.resize((placement.canvas, placement.canvas), Image.Resampling.BILINEAR)


def _brushed(base: Plane, u: Plane, v: Plane, rng: random.Random) -> Surface:
    """Return a metal surface: diagonal bands of reflected light."""
    phase = rng.uniform(0, 6.28)
    frequency = rng.uniform(3.0, 5.5)
    gloss = 0.5 + 0.5 * np.sin(frequency * (u * 0.8 + v * 0.7) + phase)
    return _blend(base * 0.62, base * 0.30 + 178, gloss * gloss)


def _matt(spec: Spec, inks: Inks, u: Plane, v: Plane, rng: random.Random) -> Surface:
    """Return a surface that is not metal: lit from above, a little from one side."""
    base = np.array(inks.base, np.float32)
    angle = rng.uniform(-0.9, 0.9)
    light = np.clip(0.5 - 0.42 * (v * math.cos(angle) + u * math.sin(angle)), 0, 1)
    if spec.colour == "white":
        return _blend(base * 0.86, base, light)
    if spec.colour in ("yellow", "orange", "beige"):
        depth = 0.84  # darker, these colours could not be recognised
    else:
        depth = 0.72 if luminance(inks.base) > 60 else 0.85
    return _blend(base * depth, base * 0.84 + 255 * 0.16, light)


def _blend(low: Plane, high: Plane, share: Plane) -> Surface:
    blended: Surface = (high - low) * share[..., None]
    blended += low  # in place, because these are the largest arrays
    return blended


def _patterned(
    spec: Spec, inks: Inks, shaded: Surface, u: Plane, v: Plane, rng: random.Random
) -> Surface:
    second = np.array(inks.second(spec, rng), np.float32)
    period = rng.uniform(0.16, 0.30)
    if spec.pattern == "checked":
        weave = _checks(u, v, period * 1.15, rng)[..., None]
        checked: Surface = shaded * (1 - weave) + second * weave
        return checked
    if spec.pattern == "striped":
        mask = _stripes(u, v, period, rng)
    else:
        mask = _dots(u, v, period * 0.95, rng)
    return np.where(mask[..., None], second, shaded)


def _stripes(u: Plane, v: Plane, period: float, rng: random.Random) -> Mask:
    angle = rng.choice([0, math.pi / 2, math.pi / 2, math.pi / 4]) + rng.uniform(-0.12, 0.12)
    across = u * math.cos(angle) + v * math.sin(angle)
    stripes: Mask = np.mod(across / period + rng.random(), 1) < rng.uniform(0.35, 0.5)
    return stripes


def _dots(u: Plane, v: Plane, period: float, rng: random.Random) -> Mask:
    column = u / period
    row = v / period + 0.5 * (np.floor(column) % 2)
    dx = np.mod(column, 1) - 0.5
    dy = np.mod(row, 1) - 0.5
    dots: Mask = dx * dx + dy * dy < rng.uniform(0.08, 0.12)
    return dots


def _checks(u: Plane, v: Plane, period: float, rng: random.Random) -> Plane:
    """Return the share of the second colour: 0, 0.5 under one band, 1 where two cross."""
    angle = rng.choice([0, math.pi / 4])
    along = (u * math.cos(angle) + v * math.sin(angle)) / period
    across = (-u * math.sin(angle) + v * math.cos(angle)) / period
    weave: Plane = (np.mod(np.floor(along), 2) + np.mod(np.floor(across), 2)) * 0.5
    return weave
