"""Specs of drawn product images, as data.

Nothing here draws, so that importing the names is fast. The order of OBJECTS, COLOURS,
PATTERNS, TRIMS and SCENES is part of the interface: training labels are indexes into them,
and `random_spec` picks from them by position.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

RGB = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""

OBJECTS: tuple[str, ...] = (
    "watch",
    "handbag",
    "backpack",
    "sneaker",
    "heels",
    "boot",
    "dress",
    "tshirt",
    "cape",
    "hat",
    "cap",
    "sunglasses",
    "necklace",
    "ring",
    "earrings",
    "crown",
    "perfume",
    "lipstick",
    "mug",
    "teapot",
    "vase",
    "chair",
    "sofa",
    "lamp",
    "sportscar",
    "bicycle",
    "headphones",
    "phone",
    "laptop",
    "camera",
    "gamepad",
    "umbrella",
    "figurine",
    "toybox",
    "teddy",
    "robot",
    "mask",
    "shield",
    "helmet",
    "guitar",
    "skateboard",
    "suitcase",
    "scarf",
    "tie",
    "glove",
    "jacket",
    "trousers",
    "book",
    "ball",
    "candle",
    "rocket",
    "gift",
    "bottle",
    "clock",
)

COLOURS: dict[str, RGB] = {
    "red": (200, 28, 38),
    "orange": (243, 124, 22),
    "yellow": (248, 216, 40),
    "green": (34, 146, 68),
    "turquoise": (60, 196, 192),
    "blue": (38, 92, 218),
    "navy": (22, 34, 88),
    "purple": (122, 54, 172),
    "pink": (246, 140, 184),
    "brown": (112, 68, 38),
    "beige": (222, 200, 164),
    "black": (28, 28, 32),
    "white": (246, 246, 244),
    "grey": (132, 134, 138),
    "silver": (196, 200, 206),
    "gold": (214, 168, 58),
}
METALS = frozenset({"silver", "gold"})

PATTERNS: tuple[str, ...] = ("plain", "striped", "dotted", "checked", "trim")
PATTERN_WEIGHTS: tuple[int, ...] = (50, 14, 12, 10, 14)
TRIMS: tuple[str, ...] = ("gold", "silver", "white", "black")
SCENES: tuple[str, ...] = (
    "studio",
    "white",
    "beach",
    "sunset",
    "city",
    "desk",
    "snow",
    "night",
    "forest",
    "stage",
)

PLAIN_ONLY = frozenset(
    {"necklace", "ring", "earrings", "bicycle", "lipstick", "clock", "sunglasses"}
)
"""Objects with too little surface for a pattern to be seen."""


@dataclass(frozen=True)
class Spec:
    """One image: equal specs give equal pixels at a given size.

    `trim` is the colour of the edging, and only used when `pattern` is "trim". `seed` varies what
    the other fields leave open: pose, shape, shade and backdrop.
    """

    obj: str
    colour: str
    pattern: str = "plain"
    scene: str = "studio"
    trim: str = ""
    seed: int = 0


def random_spec(rng: random.Random, allow: Callable[[Spec], bool] | None = None) -> Spec:
    """Return a random spec of all sensible combinations, or of those that `allow` accepts."""
    while True:
        obj = rng.choice(OBJECTS)
        pattern = "plain" if obj in PLAIN_ONLY else rng.choices(PATTERNS, PATTERN_WEIGHTS)[0]
        colour = rng.choice(tuple(COLOURS))
        trim = rng.choice([t for t in TRIMS if t != colour]) if pattern == "trim" else ""
        spec = Spec(obj, colour, pattern, rng.choice(SCENES), trim, rng.getrandbits(30))
        if allow is None or allow(spec):
            return spec
