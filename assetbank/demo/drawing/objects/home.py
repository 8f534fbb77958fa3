"""Tableware and furniture."""

from __future__ import annotations

import math

from assetbank.demo.drawing.geometry import SIDES, arc, curve, points, polar, smooth, star
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import CHARCOAL, OFF_WHITE, Tone

TEAPOT_SPOUT = points("0.40,0.38 0.62,0.10 0.72,-0.22 0.95,-0.34 0.90,-0.14 0.74,0.30 0.45,0.62")
SOFA_LEG = (90, 62, 40)


def mug(paint: Painter) -> None:
    rng = paint.rng
    w = rng.uniform(0.46, 0.58)
    paint.ring(w, 0.12, 0.30, 0.30, 0.13, start=-80, end=80)
    rim, foot = arc(0, -0.50, w, 0.13, 180, 360), arc(0, 0.62, w * 0.95, 0.14, 0, 180)
    paint.polygon([(-w, -0.50), *rim, (w, 0.60), *foot])
    paint.ellipse(0, -0.50, w, 0.14, Tone.SHADE)
    paint.ellipse(0, -0.47, w * 0.88, 0.10, (80, 48, 28))
    if rng.random() < 0.6:
        for x in (-0.18, 0.12):
            steam = curve([(x, -0.68), (x + 0.07, -0.78), (x, -0.88), (x + 0.06, -0.97)])
            paint.stroke(steam, 0.035, (225, 225, 228))
    paint.shine([(-w * 0.7, -0.2), (-w * 0.7, 0.4)], 0.05)


def teapot(paint: Painter) -> None:
    paint.ring(-0.62, 0.12, 0.28, 0.32, 0.11, start=90, end=270)
    paint.polygon(smooth(TEAPOT_SPOUT, 5))
    paint.ellipse(0, 0.22, 0.62, 0.56)
    paint.rounded(-0.34, 0.70, 0.34, 0.84, 0.04, Tone.SHADE)
    paint.ellipse(0, -0.30, 0.36, 0.13)
    paint.ellipse(0, -0.47, 0.09, 0.10, Tone.ACCENT)
    paint.stroke([(-0.36, -0.28), (0.36, -0.28)], 0.025, Tone.SHADE)
    paint.shine(arc(0, 0.22, 0.48, 0.42, 190, 250), 0.05)


def vase(paint: Painter) -> None:
    rng = paint.rng
    neck = rng.uniform(0.14, 0.24)
    belly = rng.uniform(0.42, 0.60)
    if rng.random() < 0.6:
        for k in range(3):
            _flower(paint, x=(k - 1) * 0.30, y=-0.82 + 0.08 * abs(k - 1))
    lip = [(-neck * 1.4, -0.36), (neck * 1.4, -0.36)]
    right, left = [(neck, -0.18), (belly, 0.30)], [(-belly, 0.30), (-neck, -0.18)]
    paint.polygon(smooth([*lip, *right, (belly * 0.6, 0.86), (-belly * 0.6, 0.86), *left], 6))
    paint.ellipse(0, -0.36, neck * 1.35, 0.06, Tone.OUTLINE)
    glint = [(-belly * 0.65, 0.15), (-belly * 0.7, 0.35), (-belly * 0.55, 0.6)]
    paint.shine(curve(glint), 0.05)


def _flower(paint: Painter, x: float, y: float) -> None:
    """Draw a flower on a stem in the vase; x and y are the centre of the blossom."""
    stem = curve([(0, -0.30), (x * 0.5, -0.55), (x, y)])
    paint.stroke(stem, 0.035, (60, 130, 70))
    petals = [(240, 120, 160), (250, 230, 120), (250, 250, 250), (190, 130, 230)]
    colour = paint.pick(*petals)
    for k in range(5):
        petal_x, petal_y = polar(0.09, k * 1.257, (x, y))
        paint.ellipse(petal_x, petal_y, 0.07, 0.07, colour, outlined=False)
    paint.ellipse(x, y, 0.05, 0.05, (250, 200, 60), outlined=False)


def chair(paint: Painter) -> None:
    rng = paint.rng
    leg = paint.pick(Tone.SHADE, (110, 76, 48), CHARCOAL)
    for side in SIDES:
        paint.stroke([(side * 0.40, 0.2), (side * 0.46, 0.92)], 0.085, leg)
    for top, foot in ((-0.28, -0.30), (0.30, 0.32)):
        paint.stroke([(top, 0.1), (foot, 0.74)], 0.065, leg)
    if rng.random() < 0.6:
        paint.rounded(-0.44, -0.92, 0.44, 0.02, 0.14)
    else:
        for side in SIDES:
            paint.stroke([(side * 0.40, -0.92), (side * 0.40, 0.1)], 0.09, Tone.BASE)
        for y in (-0.82, -0.55, -0.28):
            paint.rounded(-0.40, y, 0.40, y + 0.15, 0.04)
    paint.polygon(smooth(points("-0.42,0 0.42,0 0.55,0.26 0.50,0.34 -0.50,0.34 -0.55,0.26"), 4))


def sofa(paint: Painter) -> None:
    for side in SIDES:
        paint.stroke([(side * 0.74, 0.5), (side * 0.76, 0.70)], 0.08, SOFA_LEG)
    paint.rounded(-0.80, -0.48, 0.80, 0.30, 0.16)
    paint.rounded(-0.74, 0.06, 0.0, 0.34, 0.07)
    paint.rounded(0.0, 0.06, 0.74, 0.34, 0.07)
    paint.rounded(-0.84, 0.28, 0.84, 0.58, 0.06)
    paint.rounded(-0.97, -0.14, -0.68, 0.58, 0.13)
    paint.rounded(0.68, -0.14, 0.97, 0.58, 0.13)
    paint.stroke([(0, -0.40), (0, 0.06)], 0.02, Tone.SHADE)


def lamp(paint: Painter) -> None:
    rng = paint.rng
    top = rng.uniform(0.24, 0.36)
    w = rng.uniform(0.52, 0.66)  # half the width of the shade at its foot
    stem = rng.choice([0.07, 0.1, 0.16])
    paint.stroke([(0, -0.1), (0, 0.75)], stem, paint.pick(Tone.ACCENT, Tone.SHADE, Tone.BASE))
    paint.ellipse(0, 0.80, 0.36, 0.11, paint.pick(Tone.SHADE, Tone.ACCENT, Tone.BASE))
    edge = arc(0, 0.02, w, 0.10, 180, 0)
    paint.polygon([(-w, 0.02), *edge, (w, 0.02), (top, -0.82), (-top, -0.82)])
    paint.ellipse(0, 0.03, w * 0.96, 0.09, (255, 240, 180))
    paint.ellipse(0, -0.82, top, 0.05, Tone.SHADE)


def candle(paint: Painter) -> None:
    rng = paint.rng
    w = rng.uniform(0.26, 0.42)
    top = rng.uniform(-0.42, -0.15)
    paint.ellipse(0, top - 0.32, 0.17, 0.26, (255, 226, 140), outlined=False)
    right, left = [(0.11, top - 0.28), (0.06, top - 0.14)], [(-0.06, top - 0.14)]
    flame = smooth([(0, top - 0.60), *right, *left, (-0.11, top - 0.28)], 4)
    paint.polygon(flame, (255, 160, 40), outlined=False)
    paint.stroke([(0, top), (0, top - 0.20)], 0.03, CHARCOAL)
    paint.rounded(-w, top, w, 0.80, 0.05)
    paint.ellipse(0, top + 0.02, w, 0.08, Tone.TINT)
    drip = [(w * 0.5, top + 0.05), (w * 0.5, top + 0.2), (w * 0.52, top + 0.3)]
    paint.stroke(curve(drip), 0.07, Tone.TINT)
    dish = paint.pick((190, 192, 198), Tone.SHADE, Tone.ACCENT)
    paint.ellipse(0, 0.82, w * 1.45, 0.10, dish)


def clock(paint: Painter) -> None:
    rng = paint.rng
    radius = 0.62
    centre = (0, 0.06)
    if rng.random() < 0.6:  # an alarm clock: feet and bells
        for side in SIDES:
            paint.stroke([(side * 0.38, 0.50), (side * 0.54, 0.86)], 0.10, Tone.SHADE)
            lean = side * 30
            bell = arc(side * 0.42, -0.60, 0.26, 0.20, 180 + lean, 360 + lean)
            paint.polygon(bell, Tone.SHADE)
    paint.ellipse(*centre, radius, radius)
    paint.ellipse(*centre, radius * 0.80, radius * 0.80, OFF_WHITE)
    for hour in range(12):
        angle = hour * math.pi / 6
        mark = [polar(radius * 0.64, angle, centre), polar(radius * 0.74, angle, centre)]
        paint.stroke(mark, 0.035, CHARCOAL)
    hour_hand, minute_hand = rng.uniform(0, 6.28), rng.uniform(0, 6.28)
    paint.stroke([centre, polar(0.28, hour_hand, centre)], 0.06, CHARCOAL)
    paint.stroke([centre, polar(0.42, minute_hand, centre)], 0.04, CHARCOAL)
    paint.ellipse(*centre, 0.05, 0.05, Tone.ACCENT)


def book(paint: Painter) -> None:
    pages = points("-0.50,-0.78 0.46,-0.88 0.58,-0.80 0.58,0.72 -0.40,0.90 -0.50,0.80")
    paint.polygon(pages, (240, 236, 222))
    paint.polygon(points("-0.50,-0.78 0.46,-0.88 0.48,0.66 -0.50,0.80"))
    paint.stroke([(-0.40, -0.79), (-0.40, 0.78)], 0.05, Tone.SHADE)
    label = points("-0.24,-0.50 0.32,-0.55 0.32,-0.28 -0.24,-0.22")
    paint.polygon(label, paint.pick(OFF_WHITE, Tone.TINT, Tone.ACCENT))
    paint.polygon(star(0.05, 0.22, 0.18), paint.pick(Tone.TINT, Tone.ACCENT, Tone.SHADE))
