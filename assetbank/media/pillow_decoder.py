"""Decode the formats that libvips does not, with Pillow, into pixels as they are stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from assetbank.media import colour_management, containers, formats

# Returns the factor, at most 1, by which a picture of this width and height is reduced
Scale = Callable[[int, int], float]


@dataclass(frozen=True)
class StoredPixels:
    """Pixels as they are stored, in the file's own colours, and how they are meant."""

    image: pyvips.Image
    width: int
    height: int
    orientation: int
    profiles: list[bytes]  # by precedence
    xmp: bytes
    metadata: bool


def field_bytes(image: pyvips.Image, field: str) -> bytes:
    """Return the bytes that a file has in a field of libvips, or b"" if it has none."""
    return bytes(image.get(field)) if image.get_typeof(field) else b""


def read_with_pillow(opened: Image.Image, data: bytes, name: str, scale: Scale) -> StoredPixels:
    """Read the pixels of an opened file of format `name`; `data` are its bytes."""
    opened.load()
    width, height = opened.size
    factor = scale(width, height)
    info = opened.info
    profile = info.get("icc_profile") or b""
    profiles, orientation = [profile] if profile else [], 1
    if name in {"AVIF", "HEIF"}:
        properties = containers.heif_properties(data)
        profiles = list(containers.heif_profiles(properties, profile))
        orientation = _heif_orientation(opened, data, properties)
    # Pillow has turned a TIFF, and the others have no orientation
    image = _as_vips(_unpacked(opened, factor))
    if name == "TIFF" and image.format == "ushort":  # Pillow leaves 12 bits in the lower ones
        image = (image << (16 - _bits(data))).cast("ushort")
    size = max(1, round(width * factor)), max(1, round(height * factor))
    image = colour_management.reduced(image, *size)
    xmp = info.get("xmp")
    metadata = any(info.get(kind) for kind in ("exif", "xmp", "comment"))
    xmp = xmp if isinstance(xmp, bytes) else b""
    return StoredPixels(image, width, height, orientation, profiles, xmp, metadata)


def _bits(data: bytes) -> int:
    bits = formats.tiff_tags(data).get(formats.TIFF_BITS, 16)
    return max(8, min(16, int(max(bits) if isinstance(bits, tuple) else bits)))


def _heif_orientation(
    opened: Image.Image, data: bytes, properties: list[tuple[bytes, bytes]]
) -> int:
    """Return the orientation that is left to apply: of irot and imir, or else of EXIF."""
    turned = any(kind in containers.TRANSFORMS for kind, _ in properties)
    if opened.format == "HEIF":  # libheif has applied the properties
        return 1 if turned else int(opened.info.get("original_orientation") or 1)
    if turned:  # Pillow tells those of AVIF as if they were EXIF
        return containers.read_exif(opened.info.get("exif")).orientation
    header = pyvips.Image.heifload_buffer(data)  # Pillow has overwritten the EXIF
    return containers.read_exif(field_bytes(header, "exif-data")).orientation


def _unpacked(image: Image.Image, factor: float) -> Image.Image:
    """Return an image in a mode whose array libvips takes, reduced by a whole factor if large."""
    if image.has_transparency_data and image.mode not in {"LA", "RGBA"}:
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in {"L", "LA", "RGB", "RGBA", "CMYK", "LAB", "I", "F"} and (
        not image.mode.startswith("I;16")
    ):
        image = image.convert("RGB")
    times = int(0.5 / factor)
    if times > 1 and image.mode in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        image = image.reduce((min(times, image.width), min(times, image.height)))
    return image


def _as_vips(image: Image.Image) -> pyvips.Image:
    array: Any = np.asarray(image)
    if image.mode == "LAB":  # a and b are signed
        light, *colour = (array[..., band] for band in range(3))
        signed = (band.view(np.int8) for band in colour)
        array = np.dstack([light * np.float32(100 / 255), *signed]).astype(np.float32)
    elif image.mode == "I":
        array = array.clip(0).astype(np.uint32)
    elif image.mode.startswith("I;16"):
        array = array.astype(np.uint16)
    interpretation = {"LAB": "lab", "CMYK": "cmyk", "RGB": "srgb", "RGBA": "srgb"}
    return pyvips.Image.new_from_array(
        np.ascontiguousarray(array), interpretation=interpretation.get(image.mode, "b-w")
    )
