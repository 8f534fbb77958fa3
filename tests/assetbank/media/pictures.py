"""Files for the tests of media: written by libraries, or byte by byte where none writes them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from assetbank.media import images

CASES = Path(__file__).parents[2] / "cases" / "pictures"
FLAT = (200, 60, 40)


def written(image: Image.Image, fmt: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def by_vips(values: list[float], kind: str, stored: str, fmt: str, **options: Any) -> bytes:
    """Return a flat file of 64 x 48 pixels with these values in each band."""
    image = (pyvips.Image.black(64, 48, bands=len(values)) + values).cast(stored)
    profile = options.pop("profile", b"")
    image = image.copy(interpretation=kind)
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    saved: bytes = getattr(image, f"{fmt}save_buffer")(**options)
    return saved


def png_with(png: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return the PNG with chunks behind its header."""
    added = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return png[:33] + added + png[33:]


def shown(data: bytes) -> tuple[tuple[int, ...], ...]:
    """Return the middle pixel of each way to show a picture: decoded, in renditions, downloaded."""
    pictures = [images.load_rgb(io.BytesIO(data), side=40)]
    files = [*images.examine(data).renditions.values()]
    files += [images.render(data, fmt=fmt, side=200) for fmt in images.OUTPUT_FORMATS]
    pictures += [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
    middles = (picture.getpixel((picture.width // 2, picture.height // 2)) for picture in pictures)
    return tuple(middles)  # type: ignore[arg-type]


def furthest(data: bytes, colour: tuple[int, ...] = FLAT) -> int:
    """Return how far, of 255, the picture is from a flat colour in any way to show it."""
    return int(np.abs(np.array(shown(data)) - colour).max())
