"""The jobs of decoders: each function that reads foreign bytes, with its limits."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from assetbank.media import images
from assetbank.media.content_credentials import Manifest, read_manifest
from assetbank.media.decoding import Job

MAX_FILE = 600 * 2**20  # bytes of a rendered download: an uncompressed TIFF of 8,000 x 8,000
MAX_RENDITIONS = 32 * 2**20
MAX_FACTS = 64 * 2**10
MAX_LOADED = 32_000_000  # pixels that load_rgb returns


@dataclass(frozen=True)
class Pixels:
    """A picture, decoded: its bytes are red, green, blue by rows."""

    width: int
    height: int
    rgb: bytes


def load_pixels(data: bytes, *, side: int) -> Pixels:
    """Return the picture in RGB, reduced as far as its sides keep `side` pixels."""
    rgb = images.load_rgb(io.BytesIO(data), side=side)
    factor = min(rgb.size) // side
    if rgb.width * rgb.height > MAX_LOADED * max(factor, 1) ** 2:  # a long, thin one
        factor = max(factor, 2)
        while rgb.width * rgb.height > MAX_LOADED * factor**2:
            factor += 1
    if factor > 1:
        rgb = rgb.reduce(factor)
    return Pixels(rgb.width, rgb.height, rgb.tobytes())


def count_pixels(data: bytes) -> int:
    """Return width times height by the header; 0 if it cannot be read."""
    try:
        with Image.open(io.BytesIO(data), formats=images.DECODERS) as image:
            return image.width * image.height
    except Exception:  # the job itself finds the words for it
        return 0


JOBS = {
    "examine": Job(images.examine, images.ImageFacts, MAX_RENDITIONS, count_pixels),
    "extract_features": Job(
        images.extract_features, tuple[tuple[str, ...], int], MAX_FACTS, count_pixels
    ),
    "load_pixels": Job(load_pixels, Pixels, 3 * MAX_LOADED, count_pixels),
    "render_renditions": Job(
        images.render_renditions, dict[str, bytes], MAX_RENDITIONS, count_pixels
    ),
    "render": Job(images.render, bytes, MAX_FILE, count_pixels),
    "read_manifest": Job(read_manifest, Manifest, MAX_FACTS),
}
