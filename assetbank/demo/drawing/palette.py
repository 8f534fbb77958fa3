"""Colours: fixed ones, and those that each image derives from its spec."""

from __future__ import annotations

import colorsys
import random
from dataclasses import dataclass
from enum import Enum

from assetbank.demo.drawing.specs import COLOURS, RGB, Spec

CHARCOAL: RGB = (36, 38, 44)
OFF_WHITE: RGB = (246, 246, 244)
CREAM: RGB = (244, 236, 214)
SKIN: RGB = (232, 188, 152)
GLASS: RGB = (40, 52, 66)
TYRE: RGB = (30, 30, 34)
GEMS: tuple[RGB, ...] = (
    (90, 200, 240),
    (230, 60, 90),
    (80, 200, 120),
    (200, 120, 240),
    (240, 248, 255),
)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Return a mixture of two colours: `share` 0 gives a, 1 gives b."""
    red, green, blue = (round(x * (1 - share) + y * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def luminance(colour: RGB) -> float:
    """Return the perceived brightness, 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def varied(
    colour: RGB,
    rng: random.Random,
    hue: float = 0.018,
    saturation: float = 0.08,
    value: float = 0.07,
) -> RGB:
    """Return a random similar colour; `hue` is in turns, the others are relative."""
    h, s, v = colorsys.rgb_to_hsv(*(channel / 255 for channel in colour))
    h = (h + rng.uniform(-hue, hue)) % 1
    if s > 0.12:  # greys stay grey
        s = min(1, max(0, s * (1 + rng.uniform(-saturation, saturation) * 1.6)))
    v = min(1, max(0, v * (1 + rng.uniform(-value, value))))
    red, green, blue = colorsys.hsv_to_rgb(h, s, v)
    return int(red * 255), int(green * 255), int(blue * 255)


class Tone(Enum):
    """Colours named by their purpose."""

    BASE = "the colour of the spec, with shading and pattern"
    SHADE = "a darker base"
    TINT = "a lighter base"
    ACCENT = "fittings; the edging of a trimmed object"
    OUTLINE = "contours, openings and seams"


Fill = Tone | RGB


@dataclass(frozen=True)
class Inks:
    """The colours of one image."""

    base: RGB
    shade: RGB
    tint: RGB
    accent: RGB
    outline: RGB

    @classmethod
    def for_spec(cls, spec: Spec, rng: random.Random) -> Inks:
        base = varied(COLOURS[spec.colour], rng)
        bright = luminance(base) > 60
        shade = mix(base, (10, 8, 20), 0.40 if bright else 0.55)
        tint = mix(base, (255, 255, 255), 0.42 if bright else 0.25)
        if spec.colour == "white":
            shade = (186, 190, 198)
        if spec.colour == "black":
            shade, tint = (12, 12, 14), (78, 80, 86)
        if spec.pattern == "trim":
            accent = varied(COLOURS[spec.trim], rng, 0.01, 0.05, 0.04)
        else:
            accent = rng.choice([(150, 152, 156), (70, 70, 74), shade, tint])
        return cls(base, shade, tint, accent, outline=mix(shade, (8, 8, 14), 0.45))

    def colour(self, fill: Fill) -> RGB:
        """Return the flat colour of a fill."""
        match fill:
            case Tone.BASE:
                return self.base
            case Tone.SHADE:
                return self.shade
            case Tone.TINT:
                return self.tint
            case Tone.ACCENT:
                return self.accent
            case Tone.OUTLINE:
                return self.outline
            case _:
                return fill

    def second(self, spec: Spec, rng: random.Random) -> RGB:
        """The colour of stripes, dots and checks, which contrasts with the base."""
        ink: RGB = (40, 40, 46)
        chalk: RGB = (246, 246, 242)
        if spec.colour == "white":
            options = [ink, (70, 72, 90)]
        elif spec.colour in ("beige", "yellow", "silver", "pink"):
            options = [ink, self.shade]
        else:
            options = [chalk, chalk, self.tint]
            if luminance(self.base) > 100:
                options.append(self.shade)
        return rng.choice(options)
