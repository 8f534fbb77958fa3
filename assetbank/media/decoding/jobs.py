"""The jobs of decoders: each function that reads foreign bytes, with its limits."""

from __future__ import annotations

import io
from dataclasses import dataclass

from assetbank.media import images
from assetbank.media.content_credentials import Manifest, read_manifest
from assetbank.media.decode import count_pixels
from assetbank.media.decoding.requests import Job
from assetbank.media.metadata import FileMetadata, read_metadata

MAX_FILE = 600 * 2**20  # bytes of a rendered download: an uncompressed TIFF of 8,000 x 8,000
MAX_RENDITIONS = 32 * 2**20
MAX_FACTS = 64 * 2**10
MAX_METADATA = 8 * 2**20
MAX_LOADED = 32_000_000  # pixels that load_rgb returns


@dataclass(frozen=True)
class Pixels:
    """A picture, decoded: its bytes are red, green, blue by rows."""

    width: int
    height: int
    rgb: bytes


def load_pixels(data: bytes, *, side: int) -> Pixels:
    """Return the picture in RGB; its sides have at least `side` pixels, if they had them."""
    rgb = images.load_rgb(io.BytesIO(data), side=side)
    factor = 1
    while rgb.width * rgb.height > MAX_LOADED * factor**2:  # a long and thin one
        factor += 1
    if factor > 1:
        rgb = rgb.reduce(factor)
    return Pixels(rgb.width, rgb.height, rgb.tobytes())


JOBS = {
    "examine": Job(images.examine, images.ImageFacts, MAX_RENDITIONS, count_pixels),
    "extract_features": Job(
        images.extract_features, tuple[tuple[str, ...], int], MAX_FACTS, count_pixels
    ),
    "load_pixels": Job(load_pixels, Pixels, 3 * MAX_LOADED, count_pixels),
    "render": Job(images.render, bytes, MAX_FILE, count_pixels),
    "as_reference": Job(images.as_reference, tuple[bytes, str], MAX_FILE, count_pixels),
    "read_metadata": Job(read_metadata, FileMetadata, MAX_METADATA),
    "read_manifest": Job(read_manifest, Manifest, MAX_FACTS),
}
