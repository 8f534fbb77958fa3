"""The city by day and by night."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageDraw

from assetbank.demo.drawing.scenes.backdrop import Backdrop, around
from assetbank.demo.drawing.specs import RGB

FACADES: tuple[RGB, ...] = (
    (120, 134, 150),
    (164, 150, 140),
    (96, 120, 150),
    (188, 190, 196),
)
STREET_TOP = 0.86
WINDOW_STEP = 0.035


def city(scene: Backdrop) -> Image.Image:
    px, size = scene.px, scene.size
    image = scene.gradient([(0, scene.shade((150, 200, 236))), (1, (226, 234, 240))])
    draw = ImageDraw.Draw(image)
    _buildings(
        scene,
        draw,
        heights=(0.28, 0.72),
        facade=lambda: scene.shade(scene.rng.choice(FACADES)),
        ground=STREET_TOP,
        lowest_window=0.82,
        windows=0.75,
        window=(206, 226, 240),
    )
    draw.rectangle((0, px(STREET_TOP), size, size), fill=scene.shade((92, 94, 100), 8))
    line = [(0, px(0.93)), (size, px(0.93))]
    draw.line(line, fill=(220, 214, 170), width=scene.line_width(0.01))
    return image


def night(scene: Backdrop) -> Image.Image:
    rng, px = scene.rng, scene.px
    image = scene.gradient([(0, scene.shade((8, 10, 34), 5)), (1, (36, 36, 84))])
    draw = ImageDraw.Draw(image)
    for _ in range(28):
        x, y = px(rng.random()), px(rng.uniform(0, 0.7))
        star = rng.choice([0, 0, 1]) * max(1, scene.size // 256)
        draw.ellipse((x, y, x + star, y + star), fill=(240, 240, 220))
    x, y = px(rng.uniform(0.1, 0.9)), px(rng.uniform(0.08, 0.22))
    moon = px(rng.uniform(0.05, 0.08))
    draw.ellipse(around(x, y, moon), fill=(246, 240, 208))
    if rng.random() < 0.5:  # a crescent
        shadow = (x - moon * 0.4, y - moon * 1.1, x + moon * 1.5, y + moon * 0.8)
        draw.ellipse(shadow, fill=(12, 14, 42))
    _buildings(
        scene,
        draw,
        heights=(0.14, 0.34),
        facade=lambda: scene.shade((18, 18, 40), 6),
        ground=1,
        lowest_window=0.98,
        windows=0.4,
        window=(250, 220, 120),
    )
    return image


def _buildings(
    scene: Backdrop,
    draw: ImageDraw.ImageDraw,
    *,
    heights: tuple[float, float],
    facade: Callable[[], RGB],
    ground: float,
    lowest_window: float,
    windows: float,
    window: RGB,
) -> None:
    """Draw a row of buildings from the left edge to the right.

    `windows` is the share of windows that are drawn: bright by day or lit at night.
    """
    rng, px = scene.rng, scene.px
    left = -0.05
    while left < 1:
        width = rng.uniform(0.10, 0.20)
        top = ground - rng.uniform(*heights)
        draw.rectangle((px(left), px(top), px(left + width), scene.size), fill=facade())
        y = top + 0.03
        while y < lowest_window:
            x = left + 0.015
            while x < left + width - 0.025:
                if rng.random() < windows:
                    pane = (px(x), px(y), px(x + 0.016), px(y + 0.018))
                    draw.rectangle(pane, fill=window)
                x += WINDOW_STEP
            y += WINDOW_STEP * 1.2
        left += width + rng.uniform(0, 0.015)
