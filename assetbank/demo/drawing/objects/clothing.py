"""Clothing."""

from __future__ import annotations

import math

from assetbank.demo.drawing.geometry import SIDES, arc, curve, mirrored, points, smooth, star
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import OFF_WHITE, Tone

JACKET_SLEEVE = points("0.44,-0.62 0.66,-0.46 0.86,0.50 0.64,0.60 0.44,0")


def dress(paint: Painter) -> None:
    rng = paint.rng
    flare = rng.uniform(0.5, 0.85)
    waist = rng.uniform(0.20, 0.27)
    hem = rng.uniform(0.72, 0.95)
    waist_y = rng.uniform(-0.22, -0.08)
    for side in SIDES:
        paint.stroke([(side * 0.20, -0.55), (side * 0.17, -0.92)], 0.055, Tone.BASE)
    zigzag = [(flare * (1 - 2 * k / 8), hem + 0.05 * (-1) ** k) for k in range(9)]
    paint.polygon([(-waist, waist_y), (waist, waist_y), *zigzag])
    neckline = points("-0.30,-0.55 -0.12,-0.50 0,-0.40 0.12,-0.50 0.30,-0.55")
    right = [(0.27, -0.3), (waist, waist_y + 0.02)]
    left = [(-waist, waist_y + 0.02), (-0.27, -0.3)]
    paint.polygon(smooth(neckline + right + left, 4))
    for k in (-0.5, -0.18, 0.15, 0.5):
        fold = [(waist * k, waist_y + 0.15), (flare * k * 1.2, hem - 0.02)]
        paint.stroke(fold, 0.018, Tone.SHADE)
    belt = paint.pick(Tone.SHADE, Tone.ACCENT, Tone.TINT)
    paint.rounded(-waist - 0.01, waist_y - 0.05, waist + 0.01, waist_y + 0.05, 0.02, belt)


def tshirt(paint: Painter) -> None:
    rng = paint.rng
    width = rng.uniform(0.46, 0.54)
    drop = rng.uniform(0.0, 0.12)
    neck = [(-0.22, -0.70), (0.22, -0.70)]
    right = [(width, -0.60), (0.95, -0.12 + drop), (0.72, 0.08 + drop), (width, -0.12)]
    left = [(-width, -0.12), (-0.72, 0.08 + drop), (-0.95, -0.12 + drop), (-width, -0.60)]
    paint.polygon([*neck, *right, (width, 0.82), (-width, 0.82), *left])
    paint.polygon(arc(0, -0.70, 0.22, 0.16, 0, 180), Tone.SHADE)
    paint.ellipse(0, -0.71, 0.22, 0.07, Tone.OUTLINE)
    for side in SIDES:
        seam = [(side * width, -0.12), (side * width * 0.98, -0.40)]
        paint.stroke(seam, 0.018, Tone.SHADE)
    if paint.spec.pattern == "plain" and rng.random() < 0.35:
        paint.polygon(star(0, 0.05, 0.20), Tone.TINT)


def cape(paint: Painter) -> None:
    rng = paint.rng
    width = rng.uniform(0.68, 0.92)
    wave = rng.uniform(0.04, 0.09)
    hem = [
        (width * (1 - 2 * k / 8), 0.88 + wave * math.sin(k * 2.2 + rng.random())) for k in range(9)
    ]
    shoulders = points("-0.30,-0.72 -0.12,-0.78 0.12,-0.78 0.30,-0.72 0.42,-0.35")
    paint.polygon([*shoulders, *curve(hem, 4), (-0.42, -0.35)])
    for k in (-0.66, -0.33, 0, 0.33, 0.66):
        fold = curve([(k * 0.28, -0.6), (k * 0.55, 0), (width * k, 0.80)], 5)
        paint.stroke(fold, 0.028, Tone.SHADE if rng.random() < 0.8 else Tone.TINT)
    for side in SIDES:
        collar = mirrored(points("0.34,-0.70 0.46,-0.95 0.05,-0.74"), side)
        paint.polygon(collar, Tone.SHADE)
    paint.ellipse(0, -0.72, 0.09, 0.09, Tone.ACCENT)


def jacket(paint: Painter) -> None:
    for side in SIDES:
        paint.polygon(smooth(mirrored(JACKET_SLEEVE, side), 4))
        paint.stroke([(side * 0.86, 0.44), (side * 0.62, 0.54)], 0.05, Tone.SHADE)
    paint.polygon(points("-0.48,-0.66 -0.16,-0.80 0.16,-0.80 0.48,-0.66 0.50,0.82 -0.50,0.82"))
    shirt = OFF_WHITE if paint.spec.colour != "white" else (90, 92, 100)
    paint.polygon(points("-0.16,-0.80 0.16,-0.80 0,-0.26"), shirt)
    for side in SIDES:
        paint.polygon(mirrored(points("0.18,-0.82 0.34,-0.46 0,-0.14"), side), Tone.SHADE)
    paint.stroke([(0, -0.16), (0, 0.82)], 0.03, Tone.OUTLINE)
    for y in (0.06, 0.32, 0.58):
        paint.ellipse(0.07, y, 0.035, 0.035, Tone.ACCENT)
    for side in SIDES:
        paint.stroke([(side * 0.38, 0.40), (side * 0.18, 0.36)], 0.04, Tone.SHADE)


def trousers(paint: Painter) -> None:
    rng = paint.rng
    leg = rng.uniform(0.20, 0.34)
    outer, inner = 0.30 + leg, 0.30 - leg * 0.55
    hips, crotch = [(0.40, -0.90), (0.50, -0.2)], [(0.02, -0.20), (-0.02, -0.20)]
    right, left = [(outer, 0.92), (inner, 0.92)], [(-inner, 0.92), (-outer, 0.92)]
    paint.polygon([(-0.40, -0.90), *hips, *right, *crotch, *left, (-0.50, -0.2)])
    waistband = paint.pick(Tone.SHADE, Tone.BASE, Tone.ACCENT)
    paint.rounded(-0.41, -0.93, 0.41, -0.78, 0.03, waistband)
    paint.stroke([(0, -0.78), (0, -0.24)], 0.025, Tone.SHADE)
    for side in SIDES:
        pocket = curve(mirrored(points("0.26,-0.76 0.34,-0.60 0.46,-0.56"), side))
        paint.stroke(pocket, 0.025, Tone.SHADE)
        paint.stroke([(side * 0.34, -0.1), (side * 0.42, 0.85)], 0.018, Tone.SHADE)
