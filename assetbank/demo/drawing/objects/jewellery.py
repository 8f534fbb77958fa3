"""Jewellery, watch, crown and mask."""

from __future__ import annotations

import math

from assetbank.demo.drawing.geometry import (
    SIDES,
    Points,
    arc,
    curve,
    mirrored,
    points,
    polar,
    rounded_rectangle,
    smooth,
)
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import CHARCOAL, GEMS, OFF_WHITE, Tone, luminance


def watch(paint: Painter) -> None:
    rng = paint.rng
    w = rng.uniform(0.22, 0.30)  # half the width of the strap
    radius = rng.uniform(0.40, 0.48)
    paint.polygon([(-w, -0.30), (-w * 0.8, -0.95), (w * 0.8, -0.95), (w, -0.30)])
    paint.polygon([(-w, 0.30), (-w * 0.75, 0.95), (w * 0.75, 0.95), (w, 0.30)])
    for side in SIDES:
        for y in (0.55, 0.68, 0.81):
            if rng.random() < 0.8:
                link = [(-w * 0.8, side * y), (w * 0.8, side * y)]
                paint.stroke(link, 0.02, Tone.SHADE)
    paint.rounded(radius - 0.02, -0.07, radius + 0.12, 0.07, 0.03, Tone.ACCENT)
    if rng.random() < 0.65:
        paint.ellipse(0, 0, radius, radius)
        dial = arc(0, 0, radius * 0.78, radius * 0.78)
    else:
        paint.rounded(-radius * 0.85, -radius, radius * 0.85, radius, 0.12)
        x, y = radius * 0.66, radius * 0.8
        dial = rounded_rectangle(-x, -y, x, y, 0.06)
    _watch_face(paint, dial, radius)


def _watch_face(paint: Painter, dial: Points, radius: float) -> None:
    rng = paint.rng
    face = rng.choice([OFF_WHITE, (244, 238, 220), (34, 36, 44)])
    paint.polygon(dial, face)
    marks = CHARCOAL if luminance(face) > 128 else OFF_WHITE
    for hour in range(12):
        angle = hour * math.pi / 6
        paint.stroke([polar(radius * 0.6, angle), polar(radius * 0.7, angle)], 0.03, marks)
    hour_hand, minute_hand = rng.uniform(0, 6.28), rng.uniform(0, 6.28)
    paint.stroke([(0, 0), polar(radius * 0.36, hour_hand)], 0.05, marks)
    paint.stroke([(0, 0), polar(radius * 0.56, minute_hand)], 0.035, marks)


def necklace(paint: Painter) -> None:
    rng = paint.rng
    gem = rng.choice(GEMS)
    y = rng.uniform(0.50, 0.66)  # y of the pendant
    w = rng.uniform(0.46, 0.64)
    left, right = [(-w, -0.88), (-w * 0.92, -0.3)], [(w * 0.92, -0.3), (w, -0.88)]
    chain = curve([*left, (-0.26, y - 0.2), (0, y - 0.05), (0.26, y - 0.2), *right], 8)
    if rng.random() < 0.5:
        for bead_x, bead_y in chain[::2]:
            paint.ellipse(bead_x, bead_y, 0.065, 0.065, outlined=False)
    else:
        paint.stroke(chain, 0.07, Tone.BASE)
    style = rng.randrange(3)
    if style == 0:
        paint.polygon([(0, y - 0.12), (0.17, y + 0.08), (0, y + 0.34), (-0.17, y + 0.08)])
        paint.polygon([(0, y - 0.02), (0.09, y + 0.08), (0, y + 0.24), (-0.09, y + 0.08)], gem)
    elif style == 1:
        paint.ellipse(0, y + 0.10, 0.20, 0.20)
        paint.ellipse(0, y + 0.10, 0.11, 0.11, gem)
    else:
        left_lobe, right_lobe = [(-0.22, y + 0.06), (-0.11, y - 0.06)], [(0.11, y - 0.06)]
        heart = [(0, y + 0.34), *left_lobe, (0, y + 0.02), *right_lobe, (0.22, y + 0.06)]
        paint.polygon(smooth(heart, 4))


def ring(paint: Painter) -> None:
    rng = paint.rng
    gem = rng.choice(GEMS)
    radius = rng.uniform(0.46, 0.54)
    paint.ring(0, 0.28, radius, radius * rng.uniform(0.9, 1.0), rng.uniform(0.13, 0.19))
    paint.shine(arc(0, 0.28, radius * 1.02, radius * 1.0, 130, 190), 0.03)
    paint.polygon(points("-0.16,-0.16 0.16,-0.16 0.10,-0.30 -0.10,-0.30"))
    s = rng.uniform(0.26, 0.36)  # half the width of the stone
    paint.polygon([(-s, -0.52), (-s * 0.6, -0.78), (s * 0.6, -0.78), (s, -0.52), (0, -0.18)], gem)
    paint.stroke([(-s, -0.52), (s, -0.52)], 0.02, OFF_WHITE)
    inner = [(-s * 0.4, -0.52), (0, -0.20), (s * 0.4, -0.52), (0, -0.78), (-s * 0.4, -0.52)]
    paint.stroke(inner, 0.018, OFF_WHITE)


def earrings(paint: Painter) -> None:
    rng = paint.rng
    gem = rng.choice(GEMS)
    style = rng.randrange(3)
    y = rng.uniform(0.05, 0.25)  # y of the joint between hook and drop
    for x in (-0.42, 0.42):
        paint.ring(x, -0.70, 0.10, 0.14, 0.04, start=100, end=400)
        paint.stroke([(x, -0.56), (x, y - 0.1)], 0.045, Tone.BASE)
        if style == 0:
            drop = [(x, y - 0.15), (x + 0.24, y + 0.42), (x, y + 0.66), (x - 0.24, y + 0.42)]
            paint.polygon(smooth(drop, 5))
            paint.ellipse(x, y + 0.40, 0.10, 0.12, gem)
        elif style == 1:
            paint.ring(x, y + 0.2, 0.24, 0.30, 0.09)
        else:
            paint.ellipse(x, y, 0.13, 0.13)
            kite = [(x, y + 0.10), (x + 0.20, y + 0.38), (x, y + 0.70), (x - 0.20, y + 0.38)]
            paint.polygon(kite)
            paint.ellipse(x, y, 0.06, 0.06, gem)


def crown(paint: Painter) -> None:
    rng = paint.rng
    tips = rng.choice([3, 5])
    w = 0.78
    outline = [(-w * 0.88, 0.55)]
    for i in range(tips):
        tall = i % 2 == 0 or tips == 3
        outline.append((-w + 2 * w * i / (tips - 1), -0.50 if tall else -0.40))
        if i < tips - 1:
            outline.append((-w + 2 * w * (i + 0.5) / (tips - 1), -0.02))
    outline.append((w * 0.88, 0.55))
    paint.polygon(outline)
    for i in range(tips):
        pearl = paint.pick(Tone.BASE, Tone.TINT)
        paint.ellipse(-w + 2 * w * i / (tips - 1), -0.54, 0.09, 0.09, pearl)
    paint.rounded(-w * 0.9, 0.42, w * 0.9, 0.66, 0.05)
    gem = rng.choice(GEMS)
    for x in (-0.48, 0, 0.48):
        paint.ellipse(x, 0.54, 0.075, 0.075, gem)


def mask(paint: Painter) -> None:
    rng = paint.rng
    for side in SIDES:
        ribbon = curve(mirrored(points("0.86,-0.05 0.97,0.05 0.94,0.4"), side))
        paint.stroke(ribbon, 0.05, Tone.SHADE)
    corner = rng.uniform(-0.5, -0.3)
    upper = [(-0.92, corner), (-0.50, -0.34), (0, -0.20), (0.50, -0.34), (0.92, corner)]
    lower = points("0.82,0.20 0.46,0.42 0.14,0.24 0,0.10 -0.14,0.24 -0.46,0.42 -0.82,0.20")
    paint.polygon(smooth(upper + lower, 5))
    for side in SIDES:
        eye = points("0.16,0.02 0.42,-0.14 0.66,-0.06 0.48,0.16 0.28,0.14")
        paint.polygon(smooth(mirrored(eye, side), 4), paint.pick(OFF_WHITE, (24, 24, 30)))
    if rng.random() < 0.4:
        for x in (-0.3, 0, 0.3):
            plume = curve([(0, -0.2), (x * 0.5, -0.5), (x, -0.85)])
            paint.stroke(plume, 0.09, Tone.ACCENT)
