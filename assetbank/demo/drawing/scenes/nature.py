"""Beach, sunset, snow and forest."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

from assetbank.demo.drawing.palette import mix
from assetbank.demo.drawing.scenes.backdrop import Backdrop, around


def beach(scene: Backdrop) -> Image.Image:
    rng, px, horizon = scene.rng, scene.px, scene.horizon
    image = scene.gradient(
        [
            (0, scene.shade((110, 190, 238))),
            (horizon - 0.2, (196, 230, 246)),
            (horizon - 0.195, (44, 150, 196)),
            (horizon, (96, 206, 214)),
            (horizon + 0.01, (250, 250, 240)),
            (horizon + 0.03, (240, 218, 164)),
            (1, (222, 190, 128)),
        ]
    )
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.6:
        x, y = px(rng.uniform(0.1, 0.9)), px(rng.uniform(0.06, 0.2))
        draw.ellipse(around(x, y, px(0.06)), fill=(255, 244, 180))
    if rng.random() < 0.55:
        _palm(scene, draw)
    for _ in range(3):
        x, y = px(rng.random()), px(rng.uniform(horizon + 0.08, 1))
        draw.ellipse((x, y, x + px(0.02), y + px(0.012)), fill=(250, 240, 220))
    return image


def _palm(scene: Backdrop, draw: ImageDraw.ImageDraw) -> None:
    px = scene.px
    x = px(scene.rng.choice([0.08, 0.92]))
    foot = (x, px(scene.horizon + 0.1))
    crown = (x + px(scene.rng.uniform(-0.05, 0.05)), px(0.16))
    draw.line([foot, crown], fill=(130, 92, 54), width=scene.line_width(0.025, 2))
    for degrees in range(-150, 200, 50):
        angle = math.radians(degrees)
        cos, sin = math.cos(angle), math.sin(angle)
        bend = (x + px(0.10 * cos), px(0.16 + 0.06 * sin))
        tip = (x + px(0.17 * cos), px(0.20 + 0.12 * sin))
        frond = [(x, px(0.16)), bend, tip]
        draw.line(frond, fill=(40, 130, 70), width=scene.line_width(0.02, 2))


def sunset(scene: Backdrop) -> Image.Image:
    rng, px, horizon = scene.rng, scene.px, scene.horizon
    image = scene.gradient(
        [
            (0, scene.shade((92, 52, 120))),
            (horizon * 0.5, (220, 90, 90)),
            (horizon - 0.02, (255, 186, 92)),
            (horizon, (150, 70, 90)),
            (1, (54, 30, 70)),
        ]
    )
    draw = ImageDraw.Draw(image)
    x = px(rng.uniform(0.25, 0.75))
    sun = px(rng.uniform(0.10, 0.16))
    y = px(horizon)
    draw.pieslice(around(x, y, sun), 180, 360, fill=(255, 226, 130))
    for i in range(5):
        half = px(0.10 - 0.012 * i + rng.uniform(0, 0.05))
        wave = y + px(0.03 + 0.05 * i)
        glitter = [(x - half, wave), (x + half, wave)]
        draw.line(glitter, fill=(250, 170, 96), width=scene.line_width(0.012))
    return image


def snow(scene: Backdrop) -> Image.Image:
    rng, px, horizon = scene.rng, scene.px, scene.horizon
    sky = scene.shade((176, 204, 232), 10)
    image = scene.gradient([(0, sky), (horizon, (226, 236, 246)), (1, (246, 250, 255))])
    draw = ImageDraw.Draw(image)
    left_hill = (px(-0.4), px(horizon - 0.08), px(0.8), px(1.5))
    draw.ellipse(left_hill, fill=(236, 242, 250))
    right_hill = (px(0.3), px(horizon + 0.02), px(1.5), px(1.6))
    draw.ellipse(right_hill, fill=(248, 251, 255))
    for _ in range(rng.randint(2, 5)):
        _fir(scene, draw)
    for _ in range(34):
        x, y, flake = px(rng.random()), px(rng.random()), px(rng.uniform(0.004, 0.010))
        draw.ellipse(around(x, y, flake), fill=(255, 255, 255))
    return image


def _fir(scene: Backdrop, draw: ImageDraw.ImageDraw) -> None:
    rng, px = scene.rng, scene.px
    x, y = rng.random(), scene.horizon + rng.uniform(-0.02, 0.08)
    height = rng.uniform(0.10, 0.2)
    for tier in range(3):
        top = px(y - height + tier * height * 0.22)
        bottom = px(y - height * 0.45 + tier * height * 0.25)
        left = px(x - height * 0.3 - tier * 0.015)
        right = px(x + height * 0.3 + tier * 0.015)
        colour = mix((46, 96, 84), (230, 240, 250), 0.15 + 0.2 * rng.random())
        draw.polygon([(px(x), top), (left, bottom), (right, bottom)], fill=colour)


def forest(scene: Backdrop) -> Image.Image:
    rng, px = scene.rng, scene.px
    image = scene.gradient(
        [
            (0, scene.shade((150, 196, 150), 12)),
            (0.7, (96, 150, 92)),
            (0.72, (74, 120, 60)),
            (1, (58, 100, 46)),
        ]
    )
    draw = ImageDraw.Draw(image)
    for _ in range(rng.randint(5, 8)):
        x, trunk = px(rng.random()), px(rng.uniform(0.02, 0.05))
        foot = px(rng.uniform(0.66, 0.82))
        draw.rectangle((x - trunk, 0, x + trunk, foot), fill=scene.shade((92, 70, 50), 12))
    for _ in range(12):
        x, y = px(rng.random()), px(rng.uniform(0, 0.22))
        leaf = px(rng.uniform(0.08, 0.16))
        draw.ellipse(around(x, y, leaf, leaf * 0.7), fill=scene.shade((50, 122, 62), 20))
    for _ in range(8):
        x, y = px(rng.random()), px(rng.uniform(0.84, 1))
        bush = px(rng.uniform(0.04, 0.08))
        box = (x - bush, y - bush * 0.5, x + bush, y + bush)
        draw.ellipse(box, fill=scene.shade((56, 116, 52), 14))
    return image
