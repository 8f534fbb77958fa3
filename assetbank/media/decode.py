"""Decode an image file into one upright picture in sRGB, reduced while it is decoded.

libvips decodes what may be large: it streams, and holds a few lines of a picture of any height.
Pillow decodes the other formats. Both leave colours as they are, for colour_management.py.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from assetbank.errors import PictureTooLarge
from assetbank.media import colour_management, containers, formats, icc

pyvips.cache_set_max(0)  # nothing is decoded twice, and a cache would keep what strangers sent
logging.getLogger("pyvips").setLevel(logging.ERROR)  # it warns of what is refused with a sentence
pyvips.concurrency_set(1)  # several pictures at once use the cores, not several threads for one

# Returns the factor, at most 1, by which a picture of this width and height is reduced
Scale = Callable[[int, int], float]
STREAMED = {"access": "sequential", "fail_on": "truncated"}
LOADERS = {  # each format by its own loader: no other of libvips is reached
    "JPEG": ("jpegload_buffer", STREAMED),
    "PNG": ("pngload_buffer", STREAMED),
    "WEBP": ("webpload_buffer", STREAMED),
    # It reports a strip that ends early as an error, and mere oddities as warnings
    "TIFF": ("tiffload_buffer", {**STREAMED, "fail_on": "error"}),
}
SHRINKS = (1, 2, 4, 8)  # factors by which libjpeg reduces a picture while it decodes it
METADATA = re.compile(r"^(exif|xmp|iptc|photoshop)-data$|comment")  # fields of libvips


@dataclass(frozen=True)
class Decoded:
    """A picture, and what its file says of it.

    `image` is sRGB of 8 bits, upright, with three bands, or four with transparency. It may still
    be a stream that can be read once, from top to bottom. `width` and `height` are those of the
    whole picture, upright. `plain` if the file's own bytes already show that: upright, in sRGB,
    and without metadata.
    """

    image: pyvips.Image
    format: str
    width: int
    height: int
    xmp: bytes
    plain: bool


@dataclass(frozen=True)
class _Pixels:
    """Pixels as they are stored, in the file's own colours, and how they are meant."""

    image: pyvips.Image
    width: int
    height: int
    orientation: int
    profiles: list[bytes]  # by precedence
    xmp: bytes
    metadata: bool


def fit(side: int) -> Scale:
    """Return the scale at which the longest side has at most `side` pixels."""
    return lambda width, height: min(1.0, side / max(width, height))


def at_least(side: int) -> Scale:
    """Return the smallest of 1, 1/2, 1/3 … at which both sides have at least `side` pixels."""
    return lambda width, height: 1.0 / max(1, min(width, height) // side)


def decode(data: bytes, scale: Scale) -> Decoded:
    """Decode a picture. Raises PictureRefused, within `formats.decode_errors()`."""
    name = formats.recognise(data)
    if name:
        try:
            stored = _with_vips(data, name, scale)
            return _decoded(stored, name)
        except pyvips.Error as error:
            refusal = formats.unsupported(error, name, data)
            if refusal is None:
                raise
            if name != "TIFF":
                raise refusal from error
        return _tiff_with_pillow(data, scale, refusal)
    with formats.opened_by_pillow(data) as opened:
        formats.check_pixels(*opened.size)
        name = opened.format or ""
        try:
            return _decoded(_with_pillow(opened, data, name, scale), name)
        except Exception as error:
            raise formats.unsupported(error, name, data) or error from error


def count_pixels(data: bytes) -> int:
    """Return width times height by the header; 0 if it cannot be read."""
    try:
        if name := formats.recognise(data):
            header = _loader(data, name)()
            return int(header.width) * int(header.height)
        with formats.opened_by_pillow(data) as image:
            return image.width * image.height
    except Exception:  # decode() finds the words for it
        return 0


def _tiff_with_pillow(data: bytes, scale: Scale, refusal: Exception) -> Decoded:
    """Decode a TIFF that libvips does not know; raise `refusal` if Pillow does not either."""
    try:
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as opened:
            formats.check_pixels(*opened.size)
            return _decoded(_with_pillow(opened, data, "TIFF", scale), "TIFF")
    except PictureTooLarge:
        raise
    except Exception as error:
        raise refusal from error


def _decoded(stored: _Pixels, name: str) -> Decoded:
    image, has_colours = colour_management.to_srgb(stored.image, stored.profiles)
    image = _upright(image, stored.orientation)
    width, height = stored.width, stored.height
    if stored.orientation >= 5:  # these swap width and height
        width, height = height, width
    plain = stored.orientation == 1 and not has_colours and not stored.metadata
    return Decoded(image, name, width, height, stored.xmp, plain)


def _upright(image: pyvips.Image, orientation: int) -> pyvips.Image:
    """Return the image as it is seen, by its EXIF orientation."""
    if orientation == 1:
        return image
    image = image.copy_memory()  # turning needs all lines
    match orientation:
        case 2:
            return image.fliphor()
        case 3:
            return image.rot180()
        case 4:
            return image.flipver()
        case 5:
            return image.rot90().fliphor()
        case 6:
            return image.rot90()
        case 7:
            return image.rot270().fliphor()
        case _:
            return image.rot270()


# -------------------------------------------------------------------------------- libvips


def _loader(data: bytes, name: str) -> Callable[..., pyvips.Image]:
    loader, options = LOADERS[name]
    return partial(getattr(pyvips.Image, loader), data, **options)


def _with_vips(data: bytes, name: str, scale: Scale) -> _Pixels:
    load = _loader(data, name)
    header = load()
    width, height = header.width, header.height
    formats.check_pixels(width, height)
    factor = scale(width, height)
    image = header
    if name == "JPEG":
        image = load(shrink=max(power for power in SHRINKS if power * factor <= 1))
    elif name == "WEBP" and factor <= 0.5:
        image = load(scale=2 * factor)
    elif name == "TIFF":
        load().crop(0, 0, width, 1).avg()  # fails here if the compression is not known
        image = _tiff_bands(header, data)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    image = colour_management.reduced(image, *size)
    fields = set(header.get_fields())
    chunks = containers.png_chunks(data) if name == "PNG" else {}
    exif = containers.read_exif(_blob(header, "exif-data") or chunks.get(b"eXIf"))
    turned = name == "TIFF" and "orientation" in fields
    profile = _blob(header, "icc-profile-data")
    profiles = [profile] if profile else []
    if name == "PNG":
        profiles = list(containers.png_profiles(chunks, profile))
    if exif.adobe_rgb:
        profiles.append(icc.matrix_profile(icc.ADOBE_RGB, icc.gamma_curve(563 / 256)))
    return _Pixels(
        image,
        width,
        height,
        header.get("orientation") if turned else exif.orientation,
        profiles,
        _blob(header, "xmp-data"),
        metadata=any(METADATA.search(field) for field in fields) or b"eXIf" in chunks,
    )


def _tiff_bands(image: pyvips.Image, data: bytes) -> pyvips.Image:
    """Return a TIFF with no extra channel but transparency.

    Raises PictureUnsupported if its channels are no colours that are known.
    """
    tags = formats.tiff_tags(data)
    formats.check_tiff_colours(tags)
    bands = colour_management.colour_bands(image)
    if image.bands == bands:
        return image
    extra = tags.get(formats.TIFF_EXTRA_SAMPLES, 2)
    kind = extra[0] if isinstance(extra, tuple) else extra
    # 0 is unspecified: a mask, a spot colour, or nothing
    return image[:bands] if kind == 0 else image[: bands + 1]


def _blob(image: pyvips.Image, field: str) -> bytes:
    return bytes(image.get(field)) if image.get_typeof(field) else b""


# --------------------------------------------------------------------------------- Pillow


def _with_pillow(opened: Image.Image, data: bytes, name: str, scale: Scale) -> _Pixels:
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
    return _Pixels(image, width, height, orientation, profiles, xmp, metadata)


def _bits(data: bytes) -> int:
    bits = formats.tiff_tags(data).get(formats.TIFF_BITS, 16)
    return max(8, min(16, max(bits) if isinstance(bits, tuple) else bits))


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
    return containers.read_exif(_blob(header, "exif-data")).orientation


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
