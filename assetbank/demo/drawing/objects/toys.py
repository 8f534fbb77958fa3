"""Toys, the hero's shield, and presents."""

from __future__ import annotations

import math

from assetbank.demo.drawing.geometry import SIDES, arc, curve, mirrored, points, polar, smooth, star
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import CHARCOAL, OFF_WHITE, SKIN, Tone

FIGURINE_ARMS = (
    points("0.26,-0.32 0.50,-0.02 0.30,0.14"),  # hands on the hips
    points("0.26,-0.32 0.52,-0.50 0.56,-0.84"),  # raised
    points("0.26,-0.32 0.44,0 0.46,0.30"),  # hanging
)
BUTTON_RED = (240, 80, 70)


def figurine(paint: Painter) -> None:
    rng = paint.rng
    arm = rng.choice(FIGURINE_ARMS)
    paint.ellipse(0, 0.84, 0.52, 0.12, CHARCOAL)
    if rng.random() < 0.5:
        cape = points("-0.20,-0.40 0.20,-0.40 0.44,0.60 -0.44,0.60")
        paint.polygon(cape, paint.pick(Tone.SHADE, Tone.ACCENT))
    for side in SIDES:
        leg = points("0.03,0.18 0.24,0.18 0.26,0.78 0.08,0.78")
        paint.polygon(mirrored(leg, side))
        foot = side * 0.17
        paint.rounded(foot - 0.13, 0.70, foot + 0.13, 0.84, 0.04, Tone.SHADE)
        reach = mirrored(arm, side)
        paint.stroke(reach, 0.14, Tone.BASE)
        paint.ellipse(*reach[-1], 0.085, 0.085, SKIN)
    paint.polygon(smooth(points("-0.30,-0.42 0.30,-0.42 0.22,0.22 -0.22,0.22"), 3))
    paint.rounded(-0.23, 0.12, 0.23, 0.22, 0.02, Tone.ACCENT)
    paint.polygon(star(0, -0.14, 0.13), Tone.TINT)
    paint.ellipse(0, -0.66, 0.21, 0.24, SKIN)
    hair = paint.pick(Tone.SHADE, (70, 46, 30), Tone.BASE)
    paint.polygon(arc(0, -0.70, 0.22, 0.22, 180, 360), hair)
    for side in SIDES:
        paint.ellipse(side * 0.08, -0.63, 0.03, 0.03, CHARCOAL, outlined=False)
    paint.stroke(arc(0, -0.58, 0.07, 0.05, 20, 160), 0.02, CHARCOAL)


def toybox(paint: Painter) -> None:
    rng = paint.rng
    ball = rng.choice([(240, 120, 90), (250, 210, 90), (90, 160, 240)])
    paint.ellipse(-0.40, -0.30, 0.20, 0.20, ball)
    paint.polygon(star(0.36, -0.34, 0.28), rng.choice([(250, 210, 80), (120, 200, 130)]))
    brick = rng.choice([(110, 170, 240), (240, 140, 180)])
    paint.rounded(-0.12, -0.62, 0.14, -0.1, 0.04, brick)
    paint.polygon(points("-0.84,-0.20 0.84,-0.20 0.76,0.72 -0.76,0.72"))
    paint.rounded(-0.90, -0.28, 0.90, -0.08, 0.04, Tone.SHADE)
    sign = paint.on_base(OFF_WHITE, CHARCOAL, limit=160)
    paint.ring(-0.42, 0.30, 0.15, 0.15, 0.05, sign)
    paint.polygon(star(0, 0.30, 0.22), sign, outlined=False)
    paint.rounded(0.42 - 0.14, 0.16, 0.42 + 0.14, 0.44, 0.02, sign, outlined=False)


def teddy(paint: Painter) -> None:
    soft = paint.on_base(paint.inks.tint, (236, 214, 190))
    for side in SIDES:
        paint.ellipse(side * 0.36, -0.72, 0.18, 0.18)
        paint.ellipse(side * 0.36, -0.72, 0.09, 0.09, soft)
        paint.ellipse(side * 0.52, 0.10, 0.17, 0.28)
        paint.ellipse(side * 0.36, 0.66, 0.26, 0.20)
        paint.ellipse(side * 0.40, 0.68, 0.12, 0.11, soft)
    paint.ellipse(0, 0.30, 0.46, 0.50)
    paint.ellipse(0, 0.34, 0.28, 0.32, soft)
    paint.ellipse(0, -0.42, 0.46, 0.40)
    paint.ellipse(0, -0.28, 0.20, 0.16, soft)
    paint.ellipse(0, -0.34, 0.07, 0.05, CHARCOAL)
    for side in SIDES:
        paint.ellipse(side * 0.18, -0.50, 0.05, 0.06, CHARCOAL, outlined=False)
    paint.stroke(arc(0, -0.28, 0.08, 0.07, 20, 160), 0.025, CHARCOAL)
    if paint.rng.random() < 0.5:
        for side in SIDES:
            bow = mirrored(points("0,-0.02 0.20,-0.12 0.20,0.08"), side)
            paint.polygon(bow, Tone.ACCENT)


def robot(paint: Painter) -> None:
    paint.stroke([(0, -0.68), (0, -0.88)], 0.05, Tone.SHADE)
    paint.ellipse(0, -0.90, 0.07, 0.07, BUTTON_RED)
    for side in SIDES:
        arm = mirrored(points("0.42,-0.06 0.68,0.14 0.68,0.36"), side)
        paint.stroke(arm, 0.12, Tone.SHADE)
        paint.ring(side * 0.68, 0.46, 0.10, 0.11, 0.06, Tone.SHADE, start=-60, end=240)
        leg, foot, ear = side * 0.22, side * 0.24, side * 0.44
        paint.rounded(leg - 0.11, 0.46, leg + 0.11, 0.80, 0.03, Tone.SHADE)
        paint.rounded(foot - 0.18, 0.76, foot + 0.18, 0.90, 0.05)
        paint.rounded(ear - 0.08, -0.56, ear + 0.08, -0.34, 0.03, Tone.SHADE)
    paint.rounded(-0.42, -0.70, 0.42, -0.22, 0.10)
    paint.rounded(-0.46, -0.16, 0.46, 0.52, 0.08)
    glow = paint.rng.choice([(120, 220, 250), (250, 230, 110), (140, 240, 150)])
    for side in SIDES:
        paint.ellipse(side * 0.18, -0.50, 0.10, 0.10, CHARCOAL)
        paint.ellipse(side * 0.18, -0.50, 0.06, 0.06, glow, outlined=False)
    paint.rounded(-0.20, -0.36, 0.20, -0.28, 0.02, CHARCOAL)
    paint.rounded(-0.28, -0.02, 0.28, 0.22, 0.04, (220, 226, 232))
    paint.ellipse(-0.14, 0.10, 0.06, 0.06, BUTTON_RED)
    paint.ellipse(0.04, 0.10, 0.06, 0.06, (250, 210, 80))
    paint.ellipse(0.20, 0.10, 0.05, 0.05, (80, 190, 110))


def shield(paint: Painter) -> None:
    if paint.rng.random() < 0.5:
        paint.ellipse(0, 0, 0.84, 0.84)
        paint.ellipse(0, 0, 0.62, 0.62, Tone.SHADE)
        paint.ellipse(0, 0, 0.44, 0.44)
        paint.polygon(star(0, 0, 0.40), paint.on_base(OFF_WHITE, CHARCOAL))
        return
    right = points("0.72,-0.72 0.70,0 0.40,0.56")
    left = points("-0.40,0.56 -0.70,0")
    paint.polygon(smooth([(-0.72, -0.72), (0, -0.84), *right, (0, 0.92), *left], 4))
    paint.stroke([(0, -0.80), (0, 0.86)], 0.10, Tone.TINT)
    paint.stroke([(-0.68, -0.18), (0.68, -0.18)], 0.10, Tone.TINT)
    paint.ellipse(0, -0.18, 0.18, 0.18, Tone.ACCENT)


def ball(paint: Painter) -> None:
    style = paint.rng.randrange(3)
    paint.ellipse(0, 0, 0.80, 0.80)
    if style == 0:  # basketball
        paint.stroke([(0, -0.80), (0, 0.80)], 0.035, Tone.OUTLINE)
        paint.stroke([(-0.80, 0), (0.80, 0)], 0.035, Tone.OUTLINE)
        for side in SIDES:
            seam = curve(mirrored(points("0.56,-0.57 0.22,0 0.56,0.57"), side))
            paint.stroke(seam, 0.035, Tone.OUTLINE)
    elif style == 1:
        _football_panels(paint)
    else:  # two bands
        for side in SIDES:
            band = curve([(-0.70, side * 0.38), (0, side * 0.10), (0.70, side * 0.38)])
            paint.stroke(band, 0.04, paint.on_base(OFF_WHITE, CHARCOAL))
    paint.shine(arc(0, 0, 0.66, 0.66, 200, 245), 0.06)


def _football_panels(paint: Painter) -> None:
    paint.polygon(star(0, 0, 0.28, 5, 0.81), Tone.OUTLINE)
    for k in range(5):
        angle = math.radians(-90 + 72 * k)
        paint.stroke([polar(0.28, angle), polar(0.56, angle)], 0.03, Tone.OUTLINE)
        inner = polar(0.56, angle - 0.22), polar(0.56, angle + 0.22)
        outer = polar(0.78, angle - 0.3), polar(0.78, angle + 0.3)
        paint.polygon([inner[0], *outer, inner[1]], Tone.OUTLINE)


def gift(paint: Painter) -> None:
    light = paint.brightness < 190
    bright, strong = [OFF_WHITE, (250, 226, 150)], [(200, 50, 60), (60, 90, 180)]
    ribbon = paint.rng.choice(bright if light else strong)
    if paint.spec.pattern == "trim":
        ribbon = paint.inks.accent
    for side in SIDES:
        bow = mirrored(points("0,-0.46 0.16,-0.78 0.46,-0.84 0.48,-0.58"), side)
        paint.polygon(smooth(bow, 5), ribbon)
    paint.rounded(-0.66, -0.22, 0.66, 0.80, 0.03)
    paint.rounded(-0.74, -0.46, 0.74, -0.18, 0.04)
    paint.rounded(-0.11, -0.46, 0.11, 0.80, 0.0, ribbon, outlined=False)
    paint.ellipse(0, -0.48, 0.11, 0.09, ribbon)
