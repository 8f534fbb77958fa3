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

import pyvips
from PIL import Image

from assetbank.errors import PictureTooLarge
from assetbank.media import colour_management, containers, formats, icc
from assetbank.media.pillow_decoder import (
    Scale,
    StoredPixels,
    field_bytes,
    read_with_pillow,
)

pyvips.cache_set_max(0)  # nothing is decoded twice, and a cache would keep what strangers sent
logging.getLogger("pyvips").setLevel(logging.ERROR)  # it warns of what is refused with a sentence
pyvips.concurrency_set(1)  # several pictures at once use the cores, not several threads for one

STREAMED = {"access": "sequential", "fail_on": "truncated"}
LOADERS = {  # each format by its own loader: no other of libvips is reached
    "JPEG": ("jpegload_source", STREAMED),
    "PNG": ("pngload_source", STREAMED),
    "WEBP": ("webpload_source", STREAMED),
    # It reports a strip that ends early as an error, and mere oddities as warnings
    "TIFF": ("tiffload_source", {**STREAMED, "fail_on": "error"}),
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
        return _tiffread_with_pillow(data, scale, refusal)
    with formats.opened_by_pillow(data) as opened:
        formats.check_pixels(*opened.size)
        name = opened.format or ""
        try:
            return _decoded(read_with_pillow(opened, data, name, scale), name)
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


def _tiffread_with_pillow(data: bytes, scale: Scale, refusal: Exception) -> Decoded:
    """Decode a TIFF that libvips does not know; raise `refusal` if Pillow does not either."""
    try:
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as opened:
            formats.check_pixels(*opened.size)
            return _decoded(read_with_pillow(opened, data, "TIFF", scale), "TIFF")
    except PictureTooLarge:
        raise
    except Exception as error:
        raise refusal from error


def _decoded(stored: StoredPixels, name: str) -> Decoded:
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
    """Return what opens the file, given further options.

    It reads the bytes where they are: libvips' loaders of buffers copy them first.
    """
    loader, options = LOADERS[name]

    def load(**more: object) -> pyvips.Image:
        source = pyvips.Source.new_from_memory(data)
        return getattr(pyvips.Image, loader)(source, **options, **more)

    return load


def _with_vips(data: bytes, name: str, scale: Scale) -> StoredPixels:
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
    exif = containers.read_exif(field_bytes(header, "exif-data") or chunks.get(b"eXIf"))
    turned = name == "TIFF" and "orientation" in fields
    profile = field_bytes(header, "icc-profile-data")
    profiles = [profile] if profile else []
    if name == "PNG":
        profiles = list(containers.png_profiles(chunks, profile))
    if exif.adobe_rgb:
        profiles.append(icc.matrix_profile(icc.ADOBE_RGB, icc.gamma_curve(563 / 256)))
    return StoredPixels(
        image,
        width,
        height,
        header.get("orientation") if turned else exif.orientation,
        profiles,
        field_bytes(header, "xmp-data"),
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
