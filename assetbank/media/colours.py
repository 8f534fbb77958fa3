"""The dominant colours of a picture, and what "near" means between two colours.

Distances are taken in OKLab (Björn Ottosson, "A perceptual color space for image processing",
2020, bottosson.github.io/posts/oklab), where equal steps look about equally large. Lightness counts
less than hue: folds and shadows change it all over a product that is of one colour.

A search cannot compute distances inside a filter. So the space is cut into small cells, an asset
carries the cells of its colours, and a question asks for any of the cells around its colour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]

MAX_COLOURS = 5  # dominant colours of a picture
VISIBLE = 0.05  # share of the picture that a colour covers at least
STANDS_OUT = 0.12  # or share of what stands before a plain backdrop
SIDE = 64  # pixels of the longest side that are looked at
SAME = 0.09  # distance up to which pixels belong to one colour
CORE = 0.045  # distance up to which they say which colour that is: edges are of two
VIVID = 5.0  # a pixel counts 1 + VIVID * chroma, so twice where a colour is strong
PLAIN = 0.6  # share of the picture's edge that is of one colour before a plain backdrop

LIGHTNESS = 0.6  # how much lightness counts, against one for the two other axes
RADIUS = 0.09
EDGE = 0.028  # of a cell: about 140 of them fill a ball of RADIUS

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
_OFFSET = 32  # a cell lies less than this many steps from the origin, along each axis
_PLACES = (2 * _OFFSET) ** np.arange(3)[::-1]


def oklab(rgb: npt.ArrayLike) -> Floats:
    """[..., 3] of sRGB, 0 to 255, as lightness (0 to 1), green to red, blue to yellow (+-0.4)."""
    values = np.asarray(rgb, np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    lab: Floats = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def distance(first: str, second: str) -> float:
    """Between two "#rrggbb": 0 the same, 0.02 just noticed, RADIUS still the same word."""
    return float(np.linalg.norm(_point(first) - _point(second)))


def colour_name(colour: str) -> str:
    """Of a swatch, or the colour itself."""
    return next((word for word, swatch in SWATCHES if swatch == colour.lower()), colour)


def cells(colours: Iterable[str]) -> list[int]:
    """The cell of each "#rrggbb", without repeats. Raises ValueError."""
    steps = [np.rint(_point(colour) / EDGE) for colour in colours]
    return list(dict.fromkeys(_numbers(np.reshape(steps, (-1, 3))).tolist()))


def cells_near(colour: str, radius: float = RADIUS) -> list[int]:
    """All cells whose centre is at most `radius` from "#rrggbb". Raises ValueError.

    A radius of at least EDGE includes the colour's own cell.
    """
    point = _point(colour) / EDGE
    reach = radius / EDGE
    axes = [np.arange(np.ceil(at - reach), np.floor(at + reach) + 1) for at in point]
    steps = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.linalg.norm(steps - point, axis=1) <= reach
    inside &= (steps[:, 0] >= 0) & (steps[:, 0] <= round(LIGHTNESS / EDGE))
    inside &= (np.abs(steps[:, 1:]) < _OFFSET).all(axis=1)
    numbers: list[int] = _numbers(steps[inside]).tolist()
    return numbers


def dominant_colours(picture: Image.Image) -> tuple[str, ...]:
    """Up to MOST colours of an RGB picture as "#rrggbb", the largest share first.

    A colour counts that covers VISIBLE of the picture. Before a plain backdrop it is enough to
    make up STANDS_OUT of the rest: a small red shoe on much white is a red picture too.
    """
    rgb = np.asarray(_sampled(picture), np.float64)
    lab = oklab(rgb)
    weights = 1 + VIVID * np.hypot(lab[..., 1], lab[..., 2])
    points = lab * _SCALE
    backdrop = _backdrop(points)
    before = ~backdrop
    least = VISIBLE * weights.sum()
    found = []
    if backdrop.any():
        found = _clusters(points[backdrop], rgb[backdrop], weights[backdrop], least)[:1]
        least = min(least, STANDS_OUT * weights[before].sum())
    found += _clusters(points[before], rgb[before], weights[before], least)
    found.sort(key=lambda item: -item[0])
    return tuple(dict.fromkeys(_hex(colour) for _, colour in found))[:MAX_COLOURS]


def _sampled(picture: Image.Image) -> Image.Image:
    """At most SIDE pixels wide and high. Single pixels are taken out of a picture that was only
    made a little smoother: averages of stripes would be a colour that nobody sees."""
    width, height = picture.size
    factor = max(1, max(width, height) // (3 * SIDE))
    small = picture.reduce((min(factor, width), min(factor, height)))
    small.thumbnail((SIDE, SIDE), Image.Resampling.NEAREST)
    return small


def _backdrop(points: Floats) -> npt.NDArray[np.bool_]:
    """Which pixels of [height, width, 3] are of the one colour that the edges have, if any."""
    edge = np.zeros(points.shape[:2], bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    near = _apart(points, _densest(points[edge], np.ones(edge.sum()))) <= SAME
    return near if near[edge].mean() >= PLAIN else np.zeros_like(near)


def _clusters(
    points: Floats, rgb: Floats, weights: Floats, least: float
) -> list[tuple[float, Floats]]:
    """Takes the densest place, with all around it, until that weighs less than `least`."""
    found = []
    while len(points):
        apart = _apart(points, _densest(points, weights))
        near, core = apart <= SAME, apart <= CORE
        if weights[near].sum() < least:
            break
        found.append((float(weights[near].sum()), rgb[core].mean(axis=0)))
        points, rgb, weights = points[~near], rgb[~near], weights[~near]
    return found


def _densest(points: Floats, weights: Floats) -> Floats:
    """The cell that the most of [n, 3] points are in or next to."""
    steps = np.rint(points / EDGE)
    _, first, which = np.unique(_numbers(steps), return_index=True, return_inverse=True)
    centres = steps[first] * EDGE
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    best: Floats = centres[np.argmax((apart <= CORE) @ np.bincount(which, weights))]
    return best


def _apart(points: Floats, centre: Floats) -> Floats:
    apart: Floats = np.linalg.norm(points - centre, axis=-1)
    return apart


def _point(colour: str) -> Floats:
    if not _HEX.fullmatch(colour):
        raise ValueError(f"{colour!r} is not a colour such as #c81c26.")
    point: Floats = oklab(list(bytes.fromhex(colour[1:]))) * _SCALE
    return point


def _numbers(steps: Floats) -> npt.NDArray[np.int64]:
    """One number for each row of [n, 3] steps from the origin."""
    numbers: npt.NDArray[np.int64] = (steps.astype(np.int64) + _OFFSET) @ _PLACES
    return numbers


def _hex(rgb: Floats) -> str:
    return "#" + bytes(int(value) for value in np.rint(rgb)).hex()
