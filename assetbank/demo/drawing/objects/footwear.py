"""Footwear."""

from __future__ import annotations

from assetbank.demo.drawing.geometry import curve, points, smooth
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import CHARCOAL, OFF_WHITE, Tone

SNEAKER_UPPER = points(
    "-0.82,0.30 -0.80,-0.30 -0.62,-0.46 -0.30,-0.38 -0.12,-0.30 0.22,-0.02"
    " 0.72,0.12 0.92,0.30 0.90,0.42 -0.82,0.42"
)
HEELS_UPPER = points(
    "-0.84,-0.48 -0.70,-0.42 -0.52,-0.20 -0.12,0.28 0.20,0.38 0.48,0.40 0.95,0.66"
    " 0.86,0.74 0.30,0.72 -0.10,0.56 -0.42,0.22 -0.62,0.08 -0.82,0.06"
)
HEELS_OPENING = points(
    "-0.80,-0.45 -0.66,-0.36 -0.45,-0.10 -0.10,0.30 0.30,0.40 0.10,0.46 -0.25,0.30 -0.60,-0.08"
)


def sneaker(paint: Painter) -> None:
    rng = paint.rng
    sole = paint.pick(OFF_WHITE, OFF_WHITE, (226, 222, 210), CHARCOAL)
    paint.polygon(smooth(SNEAKER_UPPER, 5))
    opening = points("-0.74,-0.36 -0.52,-0.47 -0.26,-0.36 -0.36,-0.22 -0.62,-0.24")
    paint.polygon(smooth(opening, 4), Tone.OUTLINE)
    toe = points("0.50,0.06 0.74,0.13 0.93,0.32 0.92,0.42 0.48,0.42")
    paint.polygon(smooth(toe, 4), paint.pick(OFF_WHITE, Tone.SHADE, Tone.TINT))
    paint.rounded(-0.90, 0.36, 0.98, 0.58, 0.10, sole)
    paint.stroke([(-0.88, 0.50), (0.96, 0.50)], 0.02, (150, 150, 150))
    lace = OFF_WHITE if paint.spec.colour != "white" else (90, 90, 96)
    for k in range(4):
        x, y = -0.16 + k * 0.13, -0.26 + k * 0.09
        paint.stroke([(x - 0.10, y + 0.14), (x + 0.06, y - 0.02)], 0.045, lace)
    if rng.random() < 0.6:
        swoosh = curve(points("-0.58,0.12 -0.30,0.18 0.15,0"))
        paint.stroke(swoosh, 0.07, paint.pick(Tone.SHADE, Tone.TINT, Tone.ACCENT))
    paint.stroke([(-0.80, -0.05), (-0.70, 0.3)], 0.04, Tone.SHADE)


def heels(paint: Painter) -> None:
    rng = paint.rng
    height = rng.uniform(0.60, 0.80)
    heel = [(-0.80, -0.02), (-0.60, -0.02), (-0.70, height), (-0.80, height)]
    paint.polygon(heel, Tone.SHADE if rng.random() < 0.6 else Tone.BASE)
    paint.polygon(smooth(HEELS_UPPER, 5))
    paint.polygon(smooth(HEELS_OPENING, 4), Tone.OUTLINE)
    sole = curve(points("-0.60,0.10 -0.12,0.60 0.30,0.75 0.92,0.74"))
    paint.stroke(sole, 0.035, Tone.SHADE)
    if rng.random() < 0.4:
        strap = curve(points("-0.84,-0.40 -0.62,-0.56 -0.40,-0.40"))
        paint.stroke(strap, 0.05, Tone.BASE)


def boot(paint: Painter) -> None:
    rng = paint.rng
    width = rng.uniform(0.26, 0.36)
    top = rng.uniform(-0.9, -0.7)
    shaft = [(-0.45 - width * 0.3, top), (-0.45 + width * 1.7, top)]
    foot = points("0.05,-0.05 0.12,0.22 0.55,0.36 0.82,0.56 0.82,0.70 -0.52,0.70 -0.52,0.1")
    paint.polygon(smooth(shaft + foot, 5))
    paint.rounded(-0.56, 0.66, 0.88, 0.80, 0.05, Tone.OUTLINE)
    paint.rounded(-0.56, 0.74, -0.12, 0.92, 0.03, Tone.OUTLINE)
    left, right = -0.45 - width * 0.35, -0.45 + width * 1.75
    cuff = paint.pick(Tone.SHADE, Tone.TINT, Tone.ACCENT)
    paint.rounded(left, top - 0.02, right, top + 0.14, 0.05, cuff)
    if rng.random() < 0.6:  # laced; otherwise buckled
        for k in range(4):
            y = -0.45 + k * 0.18
            paint.stroke([(-0.22, y), (0.02 + 0.02 * k, y + 0.05)], 0.04, Tone.TINT)
    else:
        paint.stroke([(-0.5, 0.30), (0.18, 0.26)], 0.07, Tone.SHADE)
        paint.rounded(-0.2, 0.22, -0.06, 0.36, 0.02, Tone.ACCENT)
