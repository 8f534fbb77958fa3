"""Cosmetics and bottles."""

from __future__ import annotations

from assetbank.demo.drawing.geometry import arc, smooth
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import CHARCOAL, CREAM, OFF_WHITE, Fill, Tone


def perfume(paint: Painter) -> None:
    rng = paint.rng
    w = rng.uniform(0.40, 0.58)
    style = rng.random()
    cap = paint.pick(Tone.ACCENT, CHARCOAL, Tone.SHADE)
    paint.rounded(-0.14, -0.92, 0.14, -0.58, 0.04, cap)
    paint.rounded(-0.10, -0.60, 0.10, -0.42, 0.02, (205, 208, 214))
    if style < 0.5:
        paint.rounded(-w, -0.44, w, 0.85, 0.12)
    elif style < 0.8:
        right, left = [(w * 1.1, 0.1), (w * 0.95, 0.80)], [(-w * 0.95, 0.80), (-w * 1.1, 0.1)]
        paint.polygon(smooth([(-0.18, -0.42), (0.18, -0.42), *right, *left], 5))
    else:
        paint.ellipse(0, 0.22, w * 1.15, 0.66)
    label = paint.pick(OFF_WHITE, CREAM)
    paint.rounded(-w * 0.55, 0.06, w * 0.55, 0.42, 0.03, label)
    paint.stroke([(-w * 0.35, 0.20), (w * 0.35, 0.20)], 0.03, CHARCOAL)
    paint.stroke([(-w * 0.22, 0.31), (w * 0.22, 0.31)], 0.02, CHARCOAL)
    paint.shine([(-w * 0.75, -0.15), (-w * 0.75, 0.55)], 0.05)


def lipstick(paint: Painter) -> None:
    if paint.spec.pattern == "trim":
        case: Fill = Tone.ACCENT
    else:
        case = paint.pick(CHARCOAL, (205, 208, 214), (60, 60, 66))
    paint.rounded(-0.34, 0.22, 0.34, 0.92, 0.03, case)
    paint.rounded(-0.28, -0.06, 0.28, 0.24, 0.02, (200, 202, 208))
    paint.stroke([(-0.28, 0.06), (0.28, 0.06)], 0.03, (140, 142, 148))
    left, right = [(-0.22, -0.06), (-0.22, -0.52)], [(0.22, -0.36), (0.22, -0.06)]
    paint.polygon([*left, *arc(0, -0.56, 0.24, 0.34, 190, 330), *right])
    paint.shine([(-0.12, -0.5), (-0.12, -0.14)], 0.05)


def bottle(paint: Painter) -> None:
    rng = paint.rng
    w = rng.uniform(0.28, 0.36)
    label = paint.pick(OFF_WHITE, CREAM, (250, 250, 250))
    cork = paint.pick(CHARCOAL, Tone.ACCENT, Tone.SHADE)
    paint.rounded(-0.12, -0.96, 0.12, -0.74, 0.03, cork)
    right = [(0.10, -0.76), (0.12, -0.44), (w, -0.14), (w, 0.84)]
    left = [(-w, 0.84), (-w, -0.14), (-0.12, -0.44)]
    paint.polygon(smooth([(-0.10, -0.76), *right, (0, 0.88), *left], 5))
    paint.rounded(-w * 0.96, 0.08, w * 0.96, 0.56, 0.02, label)
    paint.stroke([(-w * 0.6, 0.24), (w * 0.6, 0.24)], 0.035, CHARCOAL)
    paint.stroke([(-w * 0.4, 0.38), (w * 0.4, 0.38)], 0.025, (120, 120, 126))
    paint.shine([(-w * 0.62, -0.08), (-w * 0.62, 0.02)], 0.05)
