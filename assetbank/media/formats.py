"""Formats of image files: recognised by content, and why a file of theirs cannot be read.

Decoders that run other programs, or code in the file (EPS, PS, PDF, WMF), are never reached.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pillow_heif
import pyvips
from django.conf import settings
from PIL import Image, TiffTags, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from assetbank.errors import (
    PictureDamaged,
    PictureRefused,
    PictureTooLarge,
    PictureUnsupported,
)

Image.init()  # loads all decoders; each Image.open names those that may be used
pillow_heif.register_heif_opener()
# settings.MAX_PIXELS limits the pixels instead, with an error for the user and not a warning
Image.MAX_IMAGE_PIXELS = None

FORMATS = {  # name -> MIME type and extension of the original
    "JPEG": ("image/jpeg", "jpg"),  # MPO, as phones write, is a JPEG followed by more images
    "PNG": ("image/png", "png"),
    "WEBP": ("image/webp", "webp"),
    "GIF": ("image/gif", "gif"),
    "TIFF": ("image/tiff", "tif"),
    "BMP": ("image/bmp", "bmp"),
    "AVIF": ("image/avif", "avif"),
    "HEIF": ("image/heic", "heic"),
    "JPEG2000": ("image/jp2", "jp2"),
    "PPM": ("image/x-portable-anymap", "ppm"),
    "QOI": ("image/qoi", "qoi"),
}
SIGNATURES = {  # of the formats that libvips decodes; Pillow recognises the others
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
}
BROKEN = re.compile(  # what begins like a format that Pillow decodes, if it cannot be opened
    rb"GIF8[79]a|BM|qoif|P[1-7]\s|\0\0\0\x0cjP  |\xffO\xffQ"
    rb"|.{4}ftyp(avi[fs]|hei[cfmsxv]|hev[cx]|mif1|msf1)",
    re.DOTALL,
)
DECODED_BY_PILLOW = [name for name in FORMATS if name not in SIGNATURES]
# How decoders say that a file is in order, but of a kind that they do not know
UNKNOWN_KIND = re.compile(
    r"unsupported(?! marker)|not supported|not a whole number|not configured|has not been built"
    r"|unknown|unimplemented|not implemented|cannot handle|can't handle|unhandled|bad labq",
    re.IGNORECASE,
)
TIFF_COMPRESSION, TIFF_PHOTOMETRIC, TIFF_EXTRA_SAMPLES = 259, 262, 338  # tag numbers
TIFF_COLOURS = {None, 0, 1, 2, 3, 5, 6, 8}  # photometric interpretations that are converted
TIFF_INKS, NOT_CMYK = 332, 2
TIFF_BITS, TIFF_SAMPLES, TIFF_PLANAR, TIFF_SAMPLE_FORMAT = 258, 277, 284, 339
COMPRESSIONS = {  # whose numbers Pillow does not know
    34661: "JBIG",
    34712: "JPEG 2000",
    34887: "LERC",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}


def recognise(data: bytes) -> str:
    """Return the format of a file that libvips decodes, or "" for any other file."""
    return next((name for name, start in SIGNATURES.items() if start.match(data)), "")


def opened_by_pillow(data: bytes) -> Image.Image:
    """Open a file that libvips does not decode; only its header is read.

    Raises PictureDamaged, and UnidentifiedImageError for what is no image.
    """
    try:
        return Image.open(io.BytesIO(data), formats=DECODED_BY_PILLOW)
    except UnidentifiedImageError:
        if BROKEN.match(data):
            raise PictureDamaged("This image is damaged: its header cannot be read.") from None
        raise


def check_tiff_colours(tags: Mapping[int, Any]) -> None:
    """Raise PictureUnsupported if the channels of a TIFF are no colours that are known."""
    if tags.get(TIFF_PHOTOMETRIC) not in TIFF_COLOURS or tags.get(TIFF_INKS) == NOT_CMYK:
        raise _unsupported("TIFF", tiff_layout(tags))


def check_pixels(width: int, height: int) -> None:
    """Raise PictureTooLarge above MAX_PIXELS."""
    if width * height > settings.MAX_PIXELS:
        raise PictureTooLarge(
            f"This image has {width} x {height} pixels; the maximum is "
            f"{settings.MAX_PIXELS / 1e6:.0f} megapixels."
        )


@contextmanager
def decode_errors() -> Iterator[None]:
    """Turn every exception that a decoder raises on hostile bytes into PictureRefused."""
    try:
        yield
    except PictureRefused:
        raise
    except UnidentifiedImageError:
        raise PictureUnsupported(
            "This file is not a supported image. Supported formats: JPEG, PNG, WebP, GIF, "
            "TIFF, BMP, AVIF, HEIC and a few more."
        ) from None
    except MemoryError:
        raise PictureTooLarge("This image needs more memory than is available.") from None
    except Exception as error:  # decoders raise nearly anything: OSError, SyntaxError, struct.error
        if "out of memory" in str(error):
            raise PictureTooLarge("This image needs more memory than is available.") from error
        if UNKNOWN_KIND.search(str(error)):
            raise _unsupported("image", reason(error)) from error
        raise PictureDamaged(f"This image is damaged: {reason(error)}.") from error


def unsupported(error: Exception, name: str, data: bytes) -> PictureUnsupported | None:
    """Return the refusal of a file of format `name` whose kind no decoder knows, if it is that."""
    if not UNKNOWN_KIND.search(str(error)):
        return None
    return _unsupported(name, tiff_layout(tiff_tags(data)) if name == "TIFF" else reason(error))


def _unsupported(name: str, layout: str) -> PictureUnsupported:
    article = "an" if name[0] in "AHi" else "a"
    return PictureUnsupported(
        f"This is {article} {name} of a kind that cannot be read: {layout}. Save it as an "
        "ordinary JPEG, PNG or TIFF."
    )


def reason(error: Exception) -> str:
    """Return what a decoder says, on one line: the last one of libvips."""
    text = error.detail if isinstance(error, pyvips.Error) else str(error)
    lines = [line.strip(" .") for line in str(text).splitlines() if line.strip(" .")]
    return (lines[-1] if lines else "it cannot be decoded")[:200]


def tiff_tags(data: bytes) -> Mapping[int, Any]:
    """Return the tags of a TIFF's first image by number; broken ones are left out."""
    file = io.BytesIO(data)
    big = data[2:4] in (b"+\0", b"\0+")
    with suppress(Exception):  # the pixels are judged by their decoder
        directory = ImageFileDirectory_v2(file.read(16 if big else 8))
        file.seek(directory.next)
        directory.load(file)
        return {number: directory[number] for number in directory}
    return {}


def tiff_layout(tags: Mapping[int, Any]) -> str:
    """Return how the pixels of a TIFF are stored, such as "16-bit planar RGB, WebP compression"."""
    bits = max(_numbers(tags.get(TIFF_BITS)), default=1)
    kind = _word(TIFF_PHOTOMETRIC, tags.get(TIFF_PHOTOMETRIC))
    words = [f"{bits}-bit"]
    words += ["float"] if 3 in _numbers(tags.get(TIFF_SAMPLE_FORMAT)) else []
    words += ["planar"] if tags.get(TIFF_PLANAR) == 2 else []
    words += [kind] if kind else [f"colour type {tags.get(TIFF_PHOTOMETRIC)}"]
    words += [f"of {tags.get(TIFF_SAMPLES, 1)} channels"]
    compression = tags.get(TIFF_COMPRESSION, 1)
    stored = COMPRESSIONS.get(compression) or _word(TIFF_COMPRESSION, compression)
    return f"{' '.join(words)}, {stored or f'compression {compression}'}" + (
        " compression" if stored and compression != 1 else ""
    )


def _numbers(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _word(tag: int, value: Any) -> str:
    """Return the TIFF specification's word for a tag's value, or ""."""
    words = {number: word for word, number in TiffTags.lookup(tag).enum.items()}
    return str(words.get(value, ""))
