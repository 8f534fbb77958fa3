"""Devices and the guitar."""

from __future__ import annotations

from assetbank.demo.drawing.geometry import SIDES, points, smooth, star
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import CHARCOAL, OFF_WHITE, Tone
from assetbank.demo.drawing.specs import RGB

GAMEPAD_BODY = points(
    "-0.60,-0.38 -0.20,-0.30 0.20,-0.30 0.60,-0.38 0.86,-0.10 0.94,0.45 0.76,0.62"
    " 0.46,0.30 0.2,0.22 -0.2,0.22 -0.46,0.30 -0.76,0.62 -0.94,0.45 -0.86,-0.10"
)
GAMEPAD_BUTTONS: tuple[tuple[float, float, RGB], ...] = (
    (0.44, -0.24, (90, 200, 120)),
    (0.44, 0.02, (90, 140, 240)),
    (0.31, -0.11, (250, 210, 90)),
    (0.57, -0.11, (240, 90, 90)),
)
APP_ICONS: tuple[RGB, ...] = (
    (90, 200, 120),
    (240, 120, 90),
    (250, 210, 90),
    (110, 160, 240),
    (240, 240, 240),
)
GUITAR_BODY = points(
    "0,-0.12 0.30,-0.06 0.32,0.14 0.26,0.30 0.46,0.56 0.34,0.88"
    " 0,0.96 -0.34,0.88 -0.46,0.56 -0.26,0.30 -0.32,0.14 -0.30,-0.06"
)


def headphones(paint: Painter) -> None:
    w = paint.rng.uniform(0.60, 0.70)
    paint.ring(0, 0.05, w, 0.82, 0.12, Tone.BASE, start=180, end=360)
    paint.ring(0, 0.08, w * 0.88, 0.70, 0.05, Tone.SHADE, start=200, end=340)
    for side in SIDES:
        paint.rounded(side * w - 0.08 - 0.10, 0.0, side * w + 0.08 + 0.10, 0.70, 0.14)
        cushion = side * (w - 0.22)
        paint.rounded(cushion - 0.09, 0.06, cushion + 0.09, 0.64, 0.08, CHARCOAL)
        paint.ellipse(side * (w + 0.02), 0.35, 0.10, 0.20, Tone.SHADE)


def phone(paint: Painter) -> None:
    rng = paint.rng
    w = rng.uniform(0.38, 0.46)
    from_behind = rng.random() < 0.3
    paint.rounded(-w, -0.90, w, 0.90, 0.13)
    if from_behind:
        paint.rounded(-w + 0.07, -0.82, -w + 0.40, -0.36, 0.10, Tone.SHADE)
        for y in (-0.70, -0.48):
            paint.ellipse(-w + 0.235, y, 0.085, 0.085, CHARCOAL)
            paint.ellipse(-w + 0.235, y, 0.035, 0.035, (110, 140, 190))
        paint.polygon(star(0, 0.2, 0.14), Tone.ACCENT)
        return
    screen = rng.choice([(24, 28, 40), (36, 60, 110), (70, 40, 90)])
    paint.rounded(-w + 0.06, -0.80, w - 0.06, 0.80, 0.05, screen)
    paint.ellipse(0, -0.85, 0.025, 0.025, CHARCOAL)
    if rng.random() < 0.7:
        for column in range(3):
            for row in range(4):
                left, right = -0.26 + column * 0.19, -0.14 + column * 0.19
                top, bottom = -0.62 + row * 0.22, -0.50 + row * 0.22
                icon = rng.choice(APP_ICONS)
                paint.rounded(left, top, right, bottom, 0.03, icon, outlined=False)
    paint.rounded(-0.12, 0.70, 0.12, 0.73, 0.02, OFF_WHITE, outlined=False)


def laptop(paint: Painter) -> None:
    rng = paint.rng
    screen = rng.choice([(30, 40, 60), (60, 90, 140), (230, 234, 240)])
    paint.rounded(-0.68, -0.66, 0.68, 0.26, 0.06)
    paint.rounded(-0.60, -0.58, 0.60, 0.17, 0.02, screen)
    for k in range(3):
        y = -0.40 + k * 0.16
        paint.stroke([(-0.45, y), (-0.45 + rng.uniform(0.3, 0.8), y)], 0.035, (150, 200, 240))
    paint.polygon(points("-0.70,0.26 0.70,0.26 0.95,0.60 -0.95,0.60"))
    paint.polygon(points("-0.60,0.30 0.60,0.30 0.70,0.44 -0.70,0.44"), Tone.OUTLINE)
    paint.polygon(points("-0.18,0.47 0.18,0.47 0.21,0.56 -0.21,0.56"), Tone.SHADE)
    paint.rounded(-0.95, 0.58, 0.95, 0.66, 0.03, Tone.SHADE)


def camera(paint: Painter) -> None:
    paint.polygon(points("-0.30,-0.40 -0.20,-0.60 0.20,-0.60 0.30,-0.40"))
    paint.rounded(-0.86, -0.42, 0.86, 0.58, 0.12)
    grip = paint.pick(Tone.SHADE, CHARCOAL)
    paint.rounded(-0.86, -0.16, 0.86, 0.34, 0.0, grip, outlined=False)
    paint.rounded(-0.70, -0.54, -0.46, -0.40, 0.04, Tone.ACCENT)
    paint.ellipse(0, 0.10, 0.42, 0.42, CHARCOAL)
    paint.ellipse(0, 0.10, 0.34, 0.34, (70, 74, 82))
    paint.ellipse(0, 0.10, 0.24, 0.24, (24, 30, 50))
    paint.ellipse(-0.07, 0.03, 0.07, 0.07, (160, 190, 230))
    paint.rounded(0.50, -0.34, 0.72, -0.22, 0.03, (240, 240, 220))


def gamepad(paint: Painter) -> None:
    paint.polygon(smooth(GAMEPAD_BODY, 5))
    paint.rounded(-0.60, -0.16, -0.28, -0.06, 0.02, CHARCOAL)
    paint.rounded(-0.49, -0.27, -0.39, 0.05, 0.02, CHARCOAL)
    for x, y, colour in GAMEPAD_BUTTONS:
        paint.ellipse(x, y, 0.065, 0.065, colour)
    for side in SIDES:
        paint.ellipse(side * 0.24, 0.10, 0.11, 0.11, CHARCOAL)
    paint.ellipse(0, -0.14, 0.06, 0.06, Tone.ACCENT)


def guitar(paint: Painter) -> None:
    paint.stroke([(0, 0.0), (0, -0.74)], 0.11, (92, 60, 36))
    paint.rounded(-0.12, -0.96, 0.12, -0.70, 0.04, CHARCOAL)
    paint.polygon(smooth(GUITAR_BODY, 5))
    paint.ellipse(0, 0.34, 0.15, 0.15, CHARCOAL)
    paint.rounded(-0.18, 0.66, 0.18, 0.74, 0.02, CHARCOAL)
    for x in (-0.03, 0.0, 0.03):
        paint.stroke([(x, -0.72), (x, 0.70)], 0.012, (225, 225, 220))
