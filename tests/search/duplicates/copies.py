"""Typical copies of an image: resized, recompressed, cropped, framed, rotated, recoloured."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

from PIL import Image, ImageEnhance, ImageOps

Copy = Callable[[Image.Image, random.Random], Image.Image]


def resized(picture: Image.Image, rng: random.Random) -> Image.Image:
    factor = rng.uniform(0.25, 0.8)
    methods = [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS]
    size = round(picture.width * factor), round(picture.height * factor)
    return picture.resize(size, rng.choice(methods))


def recompressed(picture: Image.Image, rng: random.Random) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=rng.randint(30, 70))
    return Image.open(file).convert("RGB")


def cropped(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Crop five to thirty percent off width and height alike."""
    share = rng.uniform(0.7, 0.95)
    return _part(picture, share, share, rng)


def reframed(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Crop up to thirty percent off width and height independently, so that the shape changes."""
    return _part(picture, rng.uniform(0.7, 1), rng.uniform(0.7, 1), rng)


def hue_turned(picture: Image.Image, rng: random.Random) -> Image.Image:
    turn = rng.choice([-1, 1]) * rng.randint(11, 64)  # of 256: 15 to 90 degrees
    hue, saturation, value = picture.convert("HSV").split()
    hue = hue.point([(level + turn) % 256 for level in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def resaturated(picture: Image.Image, rng: random.Random) -> Image.Image:
    factor = rng.choice([rng.uniform(0.2, 0.7), rng.uniform(1.4, 2)])
    return ImageEnhance.Color(picture).enhance(factor)


def relit(picture: Image.Image, rng: random.Random) -> Image.Image:
    bright = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.65, 1.4))
    return ImageEnhance.Contrast(bright).enhance(rng.uniform(0.75, 1.3))


def greyed(picture: Image.Image, rng: random.Random) -> Image.Image:
    return picture.convert("L").convert("RGB")


def framed(picture: Image.Image, rng: random.Random) -> Image.Image:
    width = round(rng.uniform(0.02, 0.08) * max(picture.size))
    return ImageOps.expand(picture, width, rng.choice(["white", "black", "#888888", "#c81c26"]))


def turned(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Rotate by up to three degrees; the white corners are cut off, or stay."""
    angle = rng.choice([-1, 1]) * rng.uniform(0.7, 3)
    picture = picture.rotate(angle, Image.Resampling.BICUBIC, fillcolor="white")
    return (
        ImageOps.crop(picture, round(0.05 * max(picture.size))) if rng.random() < 0.5 else picture
    )


def for_the_web(picture: Image.Image, rng: random.Random) -> Image.Image:
    return recompressed(resized(cropped(picture, rng), rng), rng)


def combined(picture: Image.Image, rng: random.Random) -> Image.Image:
    for change in rng.sample([cropped, hue_turned, resaturated, relit, greyed, framed], 2):
        picture = change(picture, rng)
    return recompressed(resized(picture, rng), rng)


COPIES: tuple[Copy, ...] = (
    resized,
    recompressed,
    cropped,
    reframed,
    hue_turned,
    resaturated,
    relit,
    greyed,
    framed,
    turned,
    for_the_web,
    combined,
)


def _part(picture: Image.Image, across: float, down: float, rng: random.Random) -> Image.Image:
    width, height = round(picture.width * across), round(picture.height * down)
    left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))
