"""Accessories: hats, glasses, scarf, tie, glove and umbrella."""

from __future__ import annotations

from assetbank.demo.drawing.geometry import (
    SIDES,
    Points,
    arc,
    curve,
    mirrored,
    points,
    rounded_rectangle,
    smooth,
    star,
)
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import CHARCOAL, Tone

GLOVE_HAND = points(
    "-0.34,0.55 -0.40,0.02 -0.44,-0.50 -0.32,-0.56 -0.24,-0.14 -0.22,-0.72 -0.08,-0.78"
    " -0.02,-0.16 0.04,-0.74 0.18,-0.72 0.18,-0.12 0.28,-0.56 0.40,-0.52 0.38,0.10"
    " 0.56,-0.16 0.70,-0.08 0.46,0.36 0.32,0.55"
)


def hat(paint: Painter) -> None:
    rng = paint.rng
    c = rng.uniform(0.38, 0.48)  # half the width of the crown
    paint.ellipse(0, 0.32, 0.95, rng.uniform(0.22, 0.32))
    left = [(-c, 0.30), (-c * 0.95, -0.30), (-c * 0.6, -0.58), (-0.08, -0.46)]
    right = [(0.08, -0.46), (c * 0.6, -0.58), (c * 0.95, -0.30), (c, 0.30)]
    paint.polygon(smooth([*left, *right, (0, 0.40)], 5))
    top, bottom = [(-c * 0.99, 0.08), (0, 0.18), (c * 0.99, 0.08)], [(c, 0.30), (0, 0.40)]
    band = smooth([(-c, 0.30), *top, *bottom], 4)
    paint.polygon(band, paint.pick(Tone.SHADE, Tone.OUTLINE, Tone.ACCENT))


def cap(paint: Painter) -> None:
    rng = paint.rng
    crown = points("-0.72,0.22 -0.66,-0.22 -0.30,-0.60 0.10,-0.60 0.42,-0.24 0.46,0.22 -0.1,0.28")
    paint.polygon(smooth(crown, 6))
    peak = points("0.20,0.16 0.46,0.10 0.80,0.18 0.98,0.34 0.80,0.40 0.40,0.34 0.10,0.30")
    paint.polygon(smooth(peak, 5), paint.pick(Tone.BASE, Tone.SHADE))
    paint.ellipse(-0.10, -0.60, 0.06, 0.045, Tone.SHADE)
    for seam in ("-0.10,-0.58 -0.02,-0.2 0.02,0.24", "-0.10,-0.58 -0.42,-0.2 -0.50,0.2"):
        paint.stroke(curve(points(seam)), 0.02, Tone.SHADE)
    if rng.random() < 0.4:
        paint.polygon(star(0.2, -0.14, 0.12), Tone.TINT)


def sunglasses(paint: Painter) -> None:
    rng = paint.rng
    lens = rng.choice([(30, 32, 40), (48, 40, 36), (40, 60, 80)])
    for side in SIDES:
        paint.stroke([(side * 0.80, -0.20), (side * 0.95, -0.34)], 0.07, Tone.BASE)
    paint.ring(0, -0.06, 0.18, 0.14, 0.08, Tone.BASE, start=190, end=350)
    style = rng.randrange(3)
    for side in SIDES:
        frame, glass = _frame_and_glass(style, side)
        paint.polygon(frame)
        paint.polygon(glass, lens)
        glint = [(side * 0.48 - 0.14, 0.10), (side * 0.48 + 0.02, -0.10)]
        paint.stroke(glint, 0.04, (150, 160, 175))


def _frame_and_glass(style: int, side: int) -> tuple[Points, Points]:
    """Return outlines of the frame and of its glass: round, square or cat-eye."""
    x = side * 0.48
    if style == 0:
        return arc(x, 0.06, 0.36, 0.34), arc(x, 0.06, 0.28, 0.26)
    if style == 1:
        return (
            rounded_rectangle(x - 0.36, -0.22, x + 0.36, 0.32, 0.12),
            rounded_rectangle(x - 0.28, -0.14, x + 0.28, 0.24, 0.09),
        )
    frame = points("0.12,-0.20 0.86,-0.28 0.82,0.18 0.50,0.38 0.20,0.24")
    glass = points("0.19,-0.13 0.77,-0.19 0.74,0.14 0.50,0.29 0.26,0.18")
    return smooth(mirrored(frame, side), 5), smooth(mirrored(glass, side), 5)


def umbrella(paint: Painter) -> None:
    rng = paint.rng
    panels = rng.choice([4, 5, 6])
    y = rng.uniform(-0.05, 0.1)
    shaft = CHARCOAL if paint.spec.colour != "black" else (150, 110, 70)
    paint.stroke([(0, -0.88), (0, 0.70)], 0.06, shaft)
    paint.ring(0.13, 0.70, 0.13, 0.18, 0.06, (120, 80, 50), start=0, end=180)
    canopy = arc(0, y, 0.92, 0.84, 180, 360)
    for k in range(panels):
        right = 0.92 - 1.84 * k / panels
        canopy += arc(right - 0.92 / panels, y, 0.92 / panels, 0.12, 0, -180, 20)
    paint.polygon(canopy)
    for k in range(1, panels):
        x = -0.92 + 1.84 * k / panels
        rib = curve([(0, y - 0.84), (x * 0.75, y - 0.45), (x, y)])
        paint.stroke(rib, 0.022, Tone.SHADE)
    paint.stroke([(0, y - 0.84), (0, y - 0.95)], 0.05, Tone.ACCENT)


def scarf(paint: Painter) -> None:
    paint.polygon(points("0.02,-0.20 0.34,-0.26 0.52,0.80 0.16,0.86"))
    paint.polygon(points("-0.20,-0.22 0.10,-0.22 -0.10,0.66 -0.44,0.58"))
    for end in ("0.16,0.86 0.52,0.80", "-0.44,0.58 -0.10,0.66"):
        (x0, y0), (x1, y1) = points(end)
        for k in range(5):
            x, y = x0 + (x1 - x0) * (k / 4), y0 + (y1 - y0) * (k / 4)
            paint.stroke([(x, y), (x + 0.01, y + 0.12)], 0.035, Tone.SHADE)
    paint.ellipse(0, -0.44, 0.56, 0.34)
    paint.ellipse(0, -0.52, 0.34, 0.17, Tone.OUTLINE)
    paint.stroke(arc(0, -0.40, 0.48, 0.26, 30, 150), 0.025, Tone.SHADE)


def tie(paint: Painter) -> None:
    width = paint.rng.uniform(0.22, 0.32)
    paint.polygon([(-0.12, -0.58), (0.12, -0.58), (width, 0.60), (0, 0.93), (-width, 0.60)])
    paint.polygon(points("-0.20,-0.92 0.20,-0.92 0.12,-0.56 -0.12,-0.56"))
    paint.stroke([(-0.12, -0.56), (0.12, -0.56)], 0.03, Tone.SHADE)
    paint.stroke([(-0.1, -0.86), (0.05, -0.6)], 0.02, Tone.SHADE)


def glove(paint: Painter) -> None:
    paint.polygon(smooth(GLOVE_HAND, 4))
    cuff = paint.pick(Tone.SHADE, Tone.BASE, Tone.TINT)
    paint.rounded(-0.40, 0.50, 0.40, 0.88, 0.06, cuff)
    paint.stroke([(-0.38, 0.62), (0.38, 0.62)], 0.03, Tone.SHADE)
