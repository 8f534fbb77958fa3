"""Bags: handbag, backpack and suitcase."""

from __future__ import annotations

from assetbank.demo.drawing.geometry import SIDES, smooth
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import CHARCOAL, Tone


def handbag(paint: Painter) -> None:
    rng = paint.rng
    top = rng.uniform(0.50, 0.66)
    bottom = rng.uniform(0.68, 0.85)
    y = rng.uniform(-0.22, -0.05)  # y of the upper edge
    handle = rng.uniform(0.55, 0.75)
    width = top * rng.uniform(0.55, 0.75)
    paint.ring(0, y + 0.02, width, handle, 0.08, Tone.SHADE, start=180, end=360)
    edge = [(-top, y), (top, y)]
    if rng.random() < 0.4:
        right, left = [(bottom, 0.55), (bottom * 0.92, 0.80)], [(-bottom * 0.92, 0.80)]
        paint.polygon(smooth([*edge, *right, *left, (-bottom, 0.55)], 5))
    else:
        paint.polygon([*edge, (bottom, 0.8), (-bottom, 0.8)])
    if rng.random() < 0.75:
        tip = (0, y + rng.uniform(0.38, 0.52))
        flap = smooth([*edge, (top * 1.02, y + 0.25), tip, (-top * 1.02, y + 0.25)], 4)
        paint.polygon(flap, Tone.BASE if rng.random() < 0.5 else Tone.SHADE)
        paint.rounded(-0.08, y + 0.34, 0.08, y + 0.52, 0.03, Tone.ACCENT)
    else:
        paint.stroke([(-top * 0.95, y + 0.08), (top * 0.95, y + 0.08)], 0.03, Tone.SHADE)
        paint.ellipse(0, y + 0.12, 0.07, 0.07, Tone.ACCENT)


def backpack(paint: Painter) -> None:
    w = paint.rng.uniform(0.52, 0.62)
    paint.ring(0, -0.78, 0.18, 0.16, 0.07, Tone.SHADE, start=160, end=380)
    paint.rounded(-w - 0.13, -0.15, -w + 0.1, 0.68, 0.1, Tone.SHADE)
    paint.rounded(w - 0.1, -0.15, w + 0.13, 0.68, 0.1, Tone.SHADE)
    left, right = [(-w, 0.85), (-w, -0.2), (-w * 0.7, -0.75)], [(w * 0.7, -0.75), (w, -0.2)]
    paint.polygon(smooth([*left, (0, -0.86), *right, (w, 0.85), (0, 0.9)], 6))
    lid = [(-w * 0.8, -0.22), (0, -0.30), (w * 0.8, -0.22)]
    paint.stroke(lid, 0.04, Tone.OUTLINE)
    paint.rounded(-w * 0.75, 0.12, w * 0.75, 0.76, 0.12)
    paint.stroke([(-w * 0.6, 0.28), (w * 0.6, 0.28)], 0.035, Tone.ACCENT)
    paint.rounded(0.05, 0.28, 0.11, 0.42, 0.02, Tone.ACCENT)
    for side in SIDES:
        strap = [(side * w * 0.55, -0.6), (side * w * 0.55, 0.1)]
        paint.stroke(strap, 0.05, Tone.SHADE)


def suitcase(paint: Painter) -> None:
    w = paint.rng.uniform(0.46, 0.56)
    handle = [(-0.20, -0.5), (-0.20, -0.92), (0.20, -0.92), (0.20, -0.5)]
    paint.stroke(handle, 0.06, CHARCOAL)
    paint.rounded(-w, -0.56, w, 0.78, 0.12)
    for k in (-0.5, 0, 0.5):
        paint.stroke([(w * k, -0.48), (w * k, 0.70)], 0.035, Tone.SHADE)
    for side in SIDES:
        paint.ellipse(side * w * 0.75, 0.86, 0.09, 0.09, CHARCOAL)
    paint.rounded(-0.14, -0.14, 0.14, -0.04, 0.03, Tone.ACCENT)
    for side in SIDES:
        left, right = side * w - 0.06, side * w + 0.06
        paint.rounded(left, -0.58, right, -0.40, 0.03, Tone.ACCENT)
        paint.rounded(left, 0.62, right, 0.80, 0.03, Tone.ACCENT)
