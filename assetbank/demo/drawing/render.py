"""Render a spec: an object in front of a scene, with shadow and light."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageFilter

from assetbank.demo.drawing.objects import DRAWINGS
from assetbank.demo.drawing.painter import Painter
from assetbank.demo.drawing.scenes import backdrop
from assetbank.demo.drawing.specs import Spec

SHADOW = (14, 12, 24)
SHADOW_STRENGTH = 0.42
ALWAYS_SHARP = ("white", "studio")


def render(spec: Spec, size: int = 128, supersampling: int = 2) -> Image.Image:
    """Return a square RGB image, `size` pixels wide; equal arguments give equal pixels.

    The object is drawn `supersampling` times larger and reduced, which smooths its edges.
    """
    key = (spec.obj, spec.colour, spec.pattern, spec.scene, spec.trim, str(spec.seed))
    rng = random.Random("|".join(key))
    painter = Painter(size * supersampling, spec, rng)
    DRAWINGS[spec.obj](painter)
    product = painter.image.reduce(supersampling)
    picture = backdrop(spec.scene, size, rng)
    if spec.scene not in ALWAYS_SHARP and rng.random() < 0.6:
        picture = picture.filter(ImageFilter.GaussianBlur(size * rng.uniform(0.003, 0.010)))
    _drop_shadow(picture, product.getchannel("A"), rng)
    picture.paste(product, (0, 0), product)
    return _lit(picture, rng.uniform(0.90, 1.08))


def extended(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Return the image on a larger canvas, with its margins continued outwards.

    That is seamless if only a plain backdrop ("studio" or "white") touches the margins.
    """
    if picture.size == (width, height):
        return picture
    left, top = (width - picture.width) // 2, (height - picture.height) // 2
    right, bottom = width - picture.width - left, height - picture.height - top
    margins = ((top, bottom), (left, right), (0, 0))
    return Image.fromarray(np.pad(np.asarray(picture), margins, mode="edge"))


def _drop_shadow(picture: Image.Image, silhouette: Image.Image, rng: random.Random) -> None:
    size = picture.width
    offset = int(size * rng.uniform(-0.03, 0.03)), int(size * rng.uniform(0.015, 0.045))
    shadow = Image.new("L", picture.size, 0)
    shadow.paste(silhouette, offset)
    soft = shadow.filter(ImageFilter.BoxBlur(size * 0.02))
    picture.paste(SHADOW, (0, 0), soft.point([int(v * SHADOW_STRENGTH) for v in range(256)]))


def _lit(picture: Image.Image, exposure: float) -> Image.Image:
    """Return the image brighter or darker as a whole; invisible differences are skipped."""
    if abs(exposure - 1) <= 0.02:
        return picture
    curve = [max(0, min(255, int(v * exposure))) for v in range(256)]
    return picture.point(curve * 3)
