"""Dominant colours of an image, and distances between colours.

Distances are taken in OKLab (Björn Ottosson, "A perceptual color space for image processing",
2020, bottosson.github.io/posts/oklab), where equal steps look about equally large. Lightness weighs
less than hue: folds and shadows change it all over a product of one colour.

A search filter cannot compute distances. So the space is cut into small cells, an asset stores the
cells of its colours, and a query matches any of the cells around its colour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]

MAX_COLOURS = 5  # maximum number of dominant colours of an image
VISIBLE = 0.05  # minimum share of the image that a colour covers
STANDS_OUT = 0.12  # or minimum share of the foreground before a plain backdrop
SIDE = 64  # pixels of the longest side of the sample
SAME = 0.09  # maximum distance of pixels that belong to one colour
CORE = 0.045  # maximum distance of pixels that define it: pixels at edges mix two colours
VIVID = 5.0  # weight of a pixel is 1 + VIVID * chroma: about 2 for a strong colour
OPAQUE = 0.5  # minimum opacity of a pixel that has a colour
PLAIN = 0.6  # minimum share of the image's edge that is of one colour with a plain backdrop

LIGHTNESS = 0.6  # weight of lightness; the two other axes have 1
RADIUS = 0.09  # maximum distance of colours that a filter treats as alike
EDGE = 0.028  # edge length of a cell: about 140 cells fill a ball of RADIUS

SWATCHES = (
    ("red", "#d4212b"),
    ("orange", "#f5821f"),
    ("yellow", "#f7d432"),
    ("green", "#2f9548"),
    ("blue", "#2b63d4"),
    ("purple", "#7d3fb0"),
    ("pink", "#f48cb6"),
    ("brown", "#74482b"),
    ("beige", "#dcc7a2"),
    ("white", "#fafafa"),
    ("grey", "#8c8d90"),
    ("black", "#161618"),
)

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_SCALE = np.array([LIGHTNESS, 1.0, 1.0])
_OFFSET = 32  # cells lie less than this many steps from the origin, along each axis
_PLACES = (2 * _OFFSET) ** np.arange(3)[::-1]


def oklab(rgb: npt.ArrayLike) -> Floats:
    """Convert [..., 3] of sRGB, 0 to 255, to OKLab.

    The axes are lightness (0 to 1), green to red, and blue to yellow (-0.4 to 0.4).
    """
    values = np.asarray(rgb, np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    lab: Floats = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def distance(first: str, second: str) -> float:
    """Return the distance of two "#rrggbb": 0 equal, 0.02 just noticeable, RADIUS still alike.

    Raises ValueError.
    """
    return float(np.linalg.norm(_point(first) - _point(second)))


def colour_name(colour: str) -> str:
    """Return the name of a colour of SWATCHES, or any other "#rrggbb" as it is."""
    return next((word for word, swatch in SWATCHES if swatch == colour.lower()), colour)


def cells(colours: Iterable[str]) -> list[int]:
    """Return the number of each colour's cell, without repeats; colours are "#rrggbb".

    Raises ValueError.
    """
    steps = [np.rint(_point(colour) / EDGE) for colour in colours]
    return list(dict.fromkeys(_numbers(np.reshape(steps, (-1, 3))).tolist()))


def cells_near(colour: str, radius: float = RADIUS) -> list[int]:
    """Return the numbers of all cells whose centre is at most `radius` away from "#rrggbb".

    A radius of at least EDGE includes the colour's own cell. Raises ValueError.
    """
    point = _point(colour) / EDGE
    steps_away = radius / EDGE
    axes = [np.arange(np.ceil(at - steps_away), np.floor(at + steps_away) + 1) for at in point]
    steps = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.linalg.norm(steps - point, axis=1) <= steps_away
    inside &= (steps[:, 0] >= 0) & (steps[:, 0] <= round(LIGHTNESS / EDGE))
    inside &= (np.abs(steps[:, 1:]) < _OFFSET).all(axis=1)
    numbers: list[int] = _numbers(steps[inside]).tolist()
    return numbers


def dominant_colours(image: Image.Image) -> tuple[str, ...]:
    """Return up to MAX_COLOURS colours of an image as "#rrggbb", the largest share first.

    A colour must cover VISIBLE of the image. Before a plain backdrop, STANDS_OUT of the foreground
    is enough: a small red shoe on a large white area is a red image too. The image is RGB or RGBA;
    what is transparent has no colour, so a white logo is white.
    """
    sampled = np.asarray(_sampled(image), np.float64)
    rgb, opacity = sampled[..., :3], np.ones(sampled.shape[:2])
    if sampled.shape[-1] == 4:
        opacity = sampled[..., 3] / 255
    lab = oklab(rgb)
    weights = opacity * (1 + VIVID * np.hypot(lab[..., 1], lab[..., 2]))
    points = lab * _SCALE
    opaque = opacity >= OPAQUE
    backdrop = _backdrop(points, opaque)
    foreground = opaque & ~backdrop
    minimum = VISIBLE * weights.sum()
    found = []
    if backdrop.any():
        found = _clusters(points[backdrop], rgb[backdrop], weights[backdrop], minimum)[:1]
        minimum = min(minimum, STANDS_OUT * weights[foreground].sum())
    found += _clusters(points[foreground], rgb[foreground], weights[foreground], minimum)
    found.sort(key=lambda item: -item[0])
    return tuple(dict.fromkeys(_hex(colour) for _, colour in found))[:MAX_COLOURS]


def _sampled(image: Image.Image) -> Image.Image:
    """Return a sample of at most SIDE pixels a side.

    Single pixels are taken from a slightly smoothed image: averaging stripes would give a colour
    that the image does not have.
    """
    width, height = image.size
    factor = max(1, max(width, height) // (3 * SIDE))
    small = image.reduce((min(factor, width), min(factor, height)))
    small.thumbnail((SIDE, SIDE), Image.Resampling.NEAREST)
    return small


def _backdrop(points: Floats, opaque: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return a mask of the pixels of [height, width, 3] that belong to a plain backdrop.

    The backdrop has the colour that dominates the image's edges; without one, the mask is empty.
    """
    edge = np.zeros(points.shape[:2], bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    seen = edge & opaque
    if not seen.any():
        return seen
    near = _distances(points, _densest(points[seen], np.ones(seen.sum()))) <= SAME
    near &= opaque
    return near if near[edge].mean() >= PLAIN else np.zeros_like(near)


def _clusters(
    points: Floats, rgb: Floats, weights: Floats, minimum: float
) -> list[tuple[float, Floats]]:
    """Return (weight, mean RGB) of each cluster of [n, 3] points, densest first.

    Stops at the first cluster that weighs less than `minimum`.
    """
    found = []
    while len(points):
        distances = _distances(points, _densest(points, weights))
        near, core = distances <= SAME, distances <= CORE
        if weights[near].sum() < minimum:
            break
        found.append((float(weights[near].sum()), rgb[core].mean(axis=0)))
        points, rgb, weights = points[~near], rgb[~near], weights[~near]
    return found


def _densest(points: Floats, weights: Floats) -> Floats:
    """Return where [n, 3] points are densest: the centre [3] of one of the cells that contain them.

    It is the cell for which the points in cells at most CORE away, itself included, weigh most.
    """
    steps = np.rint(points / EDGE)
    _, first, which = np.unique(_numbers(steps), return_index=True, return_inverse=True)
    centres = steps[first] * EDGE
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    best: Floats = centres[np.argmax((distances <= CORE) @ np.bincount(which, weights))]
    return best


def _distances(points: Floats, centre: Floats) -> Floats:
    distances: Floats = np.linalg.norm(points - centre, axis=-1)
    return distances


def _point(colour: str) -> Floats:
    if not _HEX.fullmatch(colour):
        raise ValueError(f"{colour!r} is not a hex colour. Write it like #c81c26.")
    point: Floats = oklab(list(bytes.fromhex(colour[1:]))) * _SCALE
    return point


def _numbers(steps: Floats) -> npt.NDArray[np.int64]:
    """Return a cell number for each row of [n, 3] steps from the origin."""
    numbers: npt.NDArray[np.int64] = (steps.astype(np.int64) + _OFFSET) @ _PLACES
    return numbers


def _hex(rgb: Floats) -> str:
    return "#" + bytes(int(value) for value in np.rint(rgb)).hex()
