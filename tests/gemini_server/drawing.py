"""Draws the stand-in's images: the references and the prompt's words, in the model's sizes."""

from __future__ import annotations

import hashlib
import io

import pillow_heif
from PIL import Image, ImageDraw, ImageFont, ImageOps

pillow_heif.register_heif_opener()

# Pixels at 1K; 2K and 4K have twice and four times as many along each side.
PIXELS = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
    "1:4": (512, 2048),
    "4:1": (2048, 512),
    "1:8": (384, 3072),
    "8:1": (3072, 384),
}
SCALES = {"": 1, "1K": 1, "2K": 2, "4K": 4}


def pixels(aspect_ratio: str, image_size: str) -> tuple[int, int]:
    """Return width and height of an image."""
    width, height = PIXELS[aspect_ratio or "1:1"]
    return width * SCALES[image_size], height * SCALES[image_size]


def jpeg(
    prompt: str, references: list[bytes], aspect_ratio: str, image_size: str, *, variant: int = 0
) -> bytes:
    """Return an image that depends on the whole request, and on `variant`."""
    width, height = PIXELS[aspect_ratio or "1:1"]
    chance = hashlib.sha256(f"{prompt}#{variant}".encode("utf-8", "replace")).digest()
    low, high = (tuple(40 + byte * 3 // 4 for byte in chance[i : i + 3]) for i in (0, 3))
    picture = ImageOps.colorize(
        Image.linear_gradient("L").rotate(90 * (chance[6] % 4)).resize((width, height)), low, high
    )
    across = max(1, len(references))
    for number, data in enumerate(references):
        with Image.open(io.BytesIO(data)) as opened:
            opened.draft("RGB", (512, 512))
            reference = ImageOps.contain(opened.convert("RGB"), (width // across, height * 3 // 4))
        left = number * width // across + (width // across - reference.width) // 2
        picture.paste(reference, (left, (height * 3 // 4 - reference.height) // 2))
    brush = ImageDraw.Draw(picture)
    words = prompt.encode("ascii", "replace").decode().split()
    for line in range(3):
        text = " ".join(words[line * 6 : line * 6 + 6])
        place = (width * 0.06, height * 0.78 + line * height * 0.07)
        brush.text(place, text, fill="white", font=ImageFont.load_default(height * 0.045))
    if image_size in ("2K", "4K"):
        picture = picture.resize(pixels(aspect_ratio, image_size), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()
