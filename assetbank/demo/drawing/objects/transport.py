"""Vehicles, and the helmet."""

from __future__ import annotations

import math

from assetbank.demo.drawing.geometry import SIDES, curve, points, polar, smooth
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.palette import CHARCOAL, GLASS, OFF_WHITE, TYRE, Tone

CAR_BODY = points(
    "-0.97,0.18 -0.92,-0.08 -0.62,-0.16 -0.34,-0.42 0.12,-0.44"
    " 0.42,-0.14 0.80,-0.04 0.97,0.12 0.96,0.30 -0.96,0.30"
)
CAR_WINDOWS = (
    points("-0.46,-0.15 -0.28,-0.35 -0.06,-0.37 -0.06,-0.14"),
    points("0,-0.14 0,-0.37 0.10,-0.37 0.32,-0.14"),
)
HELMET_SHELL = points(
    "-0.74,0.48 -0.80,-0.10 -0.52,-0.66 0,-0.80 0.52,-0.62"
    " 0.78,-0.10 0.76,0.26 0.60,0.58 0.10,0.66 -0.5,0.64"
)
SKATEBOARD_DECK = points(
    "-0.97,-0.22 -0.86,-0.22 -0.66,0 0.66,0 0.86,-0.22"
    " 0.97,-0.22 0.90,0.02 0.68,0.18 -0.68,0.18 -0.90,0.02"
)
ROCKET_HULL = points("0,-0.96 0.26,-0.46 0.32,0.10 0.22,0.66 -0.22,0.66 -0.32,0.10 -0.26,-0.46")


def sportscar(paint: Painter) -> None:
    paint.polygon(smooth(CAR_BODY, 5))
    for window in CAR_WINDOWS:
        paint.polygon(smooth(window, 3), GLASS)
    if paint.rng.random() < 0.6:
        paint.polygon(points("-0.97,-0.26 -0.70,-0.26 -0.72,-0.20 -0.95,-0.20"), Tone.SHADE)
        paint.stroke([(-0.85, -0.22), (-0.85, -0.08)], 0.035, Tone.SHADE)
    paint.stroke([(-0.90, 0.10), (0.92, 0.10)], 0.025, Tone.SHADE)
    paint.ellipse(0.88, 0.04, 0.08, 0.05, (255, 244, 190))
    paint.rounded(-0.97, -0.02, -0.88, 0.08, 0.02, (200, 30, 30))
    paint.rounded(-0.94, 0.24, 0.94, 0.34, 0.03, CHARCOAL)
    for x in (-0.56, 0.58):
        paint.ellipse(x, 0.30, 0.23, 0.23, TYRE)
        paint.ellipse(x, 0.30, 0.13, 0.13, (190, 192, 198))
        paint.ellipse(x, 0.30, 0.05, 0.05, CHARCOAL)
        for k in range(5):
            spoke = [(x, 0.30), polar(0.12, k * 1.257, (x, 0.30))]
            paint.stroke(spoke, 0.03, (90, 92, 98))


def bicycle(paint: Painter) -> None:
    radius = 0.36
    for x in (-0.56, 0.56):
        paint.ring(x, 0.34, radius, radius, 0.06, TYRE)
        for k in range(4):
            dx, dy = radius * math.cos(k * 0.785), radius * math.sin(k * 0.785)
            paint.stroke([(x - dx, 0.34 - dy), (x + dx, 0.34 + dy)], 0.012, (140, 142, 146))
    for tube in (
        "-0.56,0.34 -0.26,-0.26 0.36,-0.26 -0.06,0.34 -0.56,0.34",
        "-0.06,0.34 -0.30,-0.40",
        "0.56,0.34 0.34,-0.40 0.32,-0.52",
    ):
        paint.stroke(points(tube), 0.085, Tone.BASE)
    handlebar = curve(points("0.18,-0.55 0.34,-0.56 0.50,-0.50 0.50,-0.38"))
    paint.stroke(handlebar, 0.06, CHARCOAL)
    saddle = smooth(points("-0.48,-0.46 -0.14,-0.44 -0.16,-0.37 -0.40,-0.38"), 3)
    paint.polygon(saddle, CHARCOAL)
    paint.ellipse(-0.06, 0.34, 0.09, 0.09, Tone.ACCENT)


def helmet(paint: Painter) -> None:
    paint.polygon(smooth(HELMET_SHELL, 6))
    visor = points("0.02,-0.30 0.50,-0.34 0.80,-0.12 0.82,0.20 0.30,0.24 0.02,0.06")
    paint.polygon(smooth(visor, 5), GLASS)
    paint.stroke([(0.16, -0.18), (0.52, -0.20)], 0.05, (140, 160, 185))
    stripe = curve(points("-0.66,0 -0.30,-0.56 0.30,-0.68"))
    paint.stroke(stripe, 0.06, paint.pick(Tone.SHADE, Tone.TINT))
    paint.rounded(0.26, 0.40, 0.66, 0.48, 0.03, Tone.SHADE)
    paint.ellipse(-0.02, -0.10, 0.07, 0.07, Tone.ACCENT)


def skateboard(paint: Painter) -> None:
    paint.polygon(smooth(SKATEBOARD_DECK, 4))
    wheel = paint.pick(OFF_WHITE, (250, 210, 90), (90, 200, 220))
    for x in (-0.50, 0.50):
        truck = [(x - 0.10, 0.16), (x + 0.10, 0.16), (x + 0.05, 0.30), (x - 0.05, 0.30)]
        paint.polygon(truck, (150, 152, 158))
        for radius, colour in ((0.13, wheel), (0.04, CHARCOAL)):
            paint.ellipse(x - 0.14, 0.36, radius, radius, colour)
            paint.ellipse(x + 0.14, 0.36, radius, radius, colour)


def rocket(paint: Painter) -> None:
    flame = smooth(points("0,0.94 -0.16,0.66 0,0.70 0.16,0.66"), 4)
    paint.polygon(flame, (255, 150, 40), outlined=False)
    for side in SIDES:
        fin = [(side * 0.24, 0.22), (side * 0.60, 0.70), (side * 0.20, 0.62)]
        paint.polygon(fin, Tone.SHADE)
    paint.polygon(smooth(ROCKET_HULL, 5))
    nose = smooth(points("0,-0.96 0.17,-0.66 0,-0.58 -0.17,-0.66"), 4)
    paint.polygon(nose, paint.pick(Tone.SHADE, Tone.ACCENT))
    paint.ellipse(0, -0.18, 0.16, 0.16, (220, 226, 232))
    paint.ellipse(0, -0.18, 0.11, 0.11, (90, 160, 220))
    paint.stroke([(0, 0.3), (0, 0.72)], 0.06, Tone.SHADE)
