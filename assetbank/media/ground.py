"""The ground behind what is transparent.

Encoders, hashes and JPEG know no transparency. What is opaque must be seen before the ground: a
white logo lies on a dark one, everything else on white.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

WHITE, DARK = (255, 255, 255), (32, 32, 32)
LIGHT = 0.6  # relative luminance from which white is too near: a contrast below 1.6 to 1
SIDE = 64  # pixels of the sample


def ground(image: Image.Image) -> tuple[int, int, int]:
    """Return the colour that contrasts with what is opaque in an RGBA image, weighted by alpha."""
    sample = image.resize((min(SIDE, image.width), min(SIDE, image.height)), Image.Resampling.BOX)
    rgba = np.asarray(sample, np.float64) / 255
    opacity = rgba[..., 3]
    if not opacity.any():
        return WHITE
    linear = np.where(
        rgba[..., :3] <= 0.04045, rgba[..., :3] / 12.92, ((rgba[..., :3] + 0.055) / 1.055) ** 2.4
    )
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    return DARK if float((luminance * opacity).sum() / opacity.sum()) >= LIGHT else WHITE


def flatten(image: Image.Image) -> Image.Image:
    """Return an image as RGB; what is transparent lies on a ground that contrasts."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    flat = Image.new("RGB", rgba.size, ground(rgba))
    flat.paste(rgba, mask=rgba.getchannel("A"))
    return flat
