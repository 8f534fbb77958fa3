"""Studio, white, desk and stage."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from assetbank.demo.drawing.palette import mix
from assetbank.demo.drawing.scenes.backdrop import Backdrop
from assetbank.demo.drawing.specs import RGB

WOODS: tuple[RGB, ...] = ((176, 128, 82), (150, 102, 62), (198, 156, 110))
WOOD_GRAIN: RGB = (40, 20, 0)
CURTAINS: tuple[RGB, ...] = ((140, 22, 36), (124, 18, 44), (150, 30, 30))
FLOOR_TOP = 0.76


def studio(scene: Backdrop) -> Image.Image:
    g = scene.rng.randint(120, 190)
    return scene.gradient(
        [
            (0, (g + 30, g + 30, g + 32)),
            (0.62, (g, g, g + 2)),
            (0.66, (g - 18, g - 18, g - 16)),
            (1, (g + 12, g + 12, g + 14)),
        ]
    )


def white(scene: Backdrop) -> Image.Image:
    g = scene.rng.randint(238, 255)
    return scene.gradient([(0, (g, g, g)), (1, (g - 8, g - 8, g - 8))])


def desk(scene: Backdrop) -> Image.Image:
    rng, px = scene.rng, scene.px
    wood = scene.shade(rng.choice(WOODS), 10)
    wall = scene.shade((232, 226, 214), 8)
    top = rng.uniform(0.18, 0.38)
    image = scene.gradient(
        [
            (0, wall),
            (top, mix(wall, (180, 170, 150), 0.3)),
            (top + 0.01, mix(wood, WOOD_GRAIN, 0.4)),
            (top + 0.03, wood),
            (1, mix(wood, WOOD_GRAIN, 0.2)),
        ]
    )
    draw = ImageDraw.Draw(image)
    for _ in range(9):
        y = px(rng.uniform(top + 0.04, 1))
        grain = [(px(k / 6), y + px(rng.uniform(-0.008, 0.008))) for k in range(7)]
        colour = mix(wood, WOOD_GRAIN, rng.uniform(0.12, 0.3))
        draw.line(grain, fill=colour, width=scene.line_width(0.008))
    if rng.random() < 0.5:
        _paper(scene, draw, px(rng.choice([0.06, 0.80])), px(0.8))
    if rng.random() < 0.5:
        _plant(scene, draw, px(rng.choice([0.1, 0.9])), top)
    return image


def _paper(scene: Backdrop, draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    px = scene.px
    upper = [(x, y), (x + px(0.16), y - px(0.04))]
    lower = [(x + px(0.2), y + px(0.14)), (x + px(0.03), y + px(0.18))]
    draw.polygon(upper + lower, fill=(246, 244, 236))
    writing = [(x + px(0.03), y + px(0.05)), (x + px(0.15), y + px(0.02))]
    draw.line(writing, fill=(120, 140, 190), width=scene.line_width(0.008))


def _plant(scene: Backdrop, draw: ImageDraw.ImageDraw, x: int, top: float) -> None:
    """Draw a pot with leaves at the back edge of the desk."""
    px = scene.px
    pot = (x - px(0.05), px(top - 0.08), x + px(0.05), px(top + 0.03))
    draw.rectangle(pot, fill=(190, 110, 80))
    for k in range(3):
        leaf = (x - px(0.08) + px(0.05 * k), px(top - 0.2), x + px(0.05 * k), px(top - 0.06))
        draw.ellipse(leaf, fill=(70, 140, 80))


def stage(scene: Backdrop) -> Image.Image:
    rng, px, size = scene.rng, scene.px, scene.size
    curtain = rng.choice(CURTAINS)
    folds = np.sin(np.arange(size) / size * rng.uniform(40, 60) + rng.random() * 6)
    row = np.array(curtain, np.float32) * (0.72 + 0.28 * folds)[:, None]
    cloth = row.clip(0, 255)[None].repeat(size, 0)
    image = Image.fromarray(cloth.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, px(FLOOR_TOP), size, size), fill=(104, 70, 44))
    for k in range(7):
        board = [(px(k / 6), px(FLOOR_TOP)), (px((k / 6 - 0.5) * 1.6 + 0.5), size)]
        draw.line(board, fill=(78, 50, 32), width=scene.line_width(0.008))
    light = _spotlight(scene, px(rng.uniform(0.35, 0.65)))
    image.paste((255, 240, 200), (0, 0), light)
    return image


def _spotlight(scene: Backdrop, x: int) -> Image.Image:
    """Return a mask of the light, 0 to 255: a cone from x at the top, and a pool on the floor."""
    px, size = scene.px, scene.size
    light = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(light)
    source = [(x - px(0.05), 0), (x + px(0.05), 0)]
    foot = [(px(0.5) + px(0.42), px(0.86)), (px(0.5) - px(0.42), px(0.86))]
    draw.polygon(source + foot, fill=90)
    draw.ellipse((px(0.06), px(0.74), px(0.94), px(0.98)), fill=110)
    return light.filter(ImageFilter.GaussianBlur(size * 0.02))
