"""Outlines as lists of points, in the caller's unit.

The y axis points down, so angles, in degrees, run clockwise from three o'clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Point = tuple[float, float]
Points = list[Point]

SIDES = (-1, 1)
"""Left and right, as factors for `mirrored` and for offsets from the middle."""


def points(text: str) -> Points:
    """Parse points in the notation of an SVG polygon: "-0.5,0 0.5,0 0,1"."""
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


def mirrored(outline: Iterable[Point], side: int) -> Points:
    """Return the outline for side 1, its mirror image for side -1."""
    return [(side * x, y) for x, y in outline]


def polar(radius: float, radians: float, centre: Point = (0, 0)) -> Point:
    return (centre[0] + radius * math.cos(radians), centre[1] + radius * math.sin(radians))


def smooth(corners: Sequence[Point], steps: int = 6) -> Points:
    """Return the closed Catmull-Rom spline through the corners, `steps` points for each."""
    count = len(corners)
    outline: Points = []
    for i in range(count):
        before, start, end, after = (corners[(i + k) % count] for k in (-1, 0, 1, 2))
        outline += _spline_segment(before, start, end, after, steps)
    return outline


def curve(corners: Sequence[Point], steps: int = 6) -> Points:
    """Return the open Catmull-Rom spline from the first corner to the last."""
    last = len(corners) - 1
    line: Points = []
    for i in range(last):
        line += _spline_segment(
            corners[max(i - 1, 0)], corners[i], corners[i + 1], corners[min(i + 2, last)], steps
        )
    return [*line, corners[-1]]


def _spline_segment(before: Point, start: Point, end: Point, after: Point, steps: int) -> Points:
    """Return points from `start` (included) to `end` (excluded)."""

    def at(t: float, p0: float, p1: float, p2: float, p3: float) -> float:
        t2 = t * t
        t3 = t2 * t
        return 0.5 * (
            2 * p1
            + (p2 - p0) * t
            + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t2
            + (3 * p1 - p0 - 3 * p2 + p3) * t3
        )

    return [
        (
            at(step / steps, before[0], start[0], end[0], after[0]),
            at(step / steps, before[1], start[1], end[1], after[1]),
        )
        for step in range(steps)
    ]


def arc(
    cx: float,
    cy: float,
    rx: float,
    ry: float,
    start: float = 0,
    end: float = 360,
    resolution: int = 36,
) -> Points:
    """Return an ellipse, or a part of it; `resolution` is the number of points of a full turn."""
    sweep = end - start
    if abs(sweep) >= 360:
        count = intervals = resolution
    else:
        count = max(6, int(resolution * abs(sweep) / 360) + 2)
        intervals = count - 1
    angles = [math.radians(start + sweep * i / intervals) for i in range(count)]
    return [(cx + rx * math.cos(angle), cy + ry * math.sin(angle)) for angle in angles]


def rounded_rectangle(x0: float, y0: float, x1: float, y1: float, radius: float) -> Points:
    """Return a rectangle whose corners are rounded by at most half a side; x0 < x1, y0 < y1."""
    r = min(radius, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    corners = (
        (x1 - r, y0 + r, -90),
        (x1 - r, y1 - r, 0),
        (x0 + r, y1 - r, 90),
        (x0 + r, y0 + r, 180),
    )
    outline: Points = []
    for cx, cy, start in corners:
        outline += arc(cx, cy, r, r, start, start + 90, 24)
    return outline


def star(cx: float, cy: float, radius: float, tips: int = 5, inner: float = 0.45) -> Points:
    """Return a star with one tip up; `inner` is the radius of its notches / `radius`."""
    radii = (radius, radius * inner)
    return [
        polar(radii[i % 2], math.radians(-90 + 180 * i / tips), (cx, cy)) for i in range(2 * tips)
    ]
