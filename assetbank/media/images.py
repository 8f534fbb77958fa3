"""Decode untrusted image files safely, and render them.

With the modules that it imports, the only one that decodes foreign bytes. Nothing here needs the
database.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import IO, Any

import pyvips
from PIL import Image

from assetbank.media import colours, icc
from assetbank.media.decode import at_least, count_pixels, decode, fit, nearly
from assetbank.media.formats import FORMATS, decode_errors
from assetbank.media.ground import flatten, ground
from assetbank.media.metadata import FileMetadata, read_metadata
from assetbank.media.phash import perceptual_hash
from assetbank.media.pillow_decoder import Scale

__all__ = ["count_pixels", "decode_errors", "flatten"]  # beside what is defined here

SHOWN = {"grid": 480, "preview": 1600}  # renditions of pages: name -> longest side in pixels
# The encoder's has other needs than a page: it must keep what an encoder is sensitive to. A WebP of
# quality 88 costs up to 0.0015 of a vector's cosine, a JPEG of 90 a tenth of that
RENDITIONS = {**SHOWN, "encoder": SHOWN["preview"]}
HARDLY_LARGER = 1.25
SAMPLE_SIDE = 64
OUTPUT_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {  # of a download -> saver and its options
    "JPEG": ("jpegsave_buffer", {"Q": 90, "subsample_mode": "on"}),
    "PNG": ("pngsave_buffer", {}),
    "WEBP": ("webpsave_buffer", {"Q": 88, "effort": 4}),
    "TIFF": ("tiffsave_buffer", {"compression": "lzw", "predictor": "horizontal"}),
}


@dataclass(frozen=True)
class ImageFacts:
    """Properties of a decoded file.

    `width` and `height` are pixels of the upright picture, `renditions` files by name, `colours`
    the dominant ones as "#rrggbb", largest share first, `perceptual_hash` a signed 64-bit
    number.
    """

    mime: str
    extension: str
    width: int
    height: int
    renditions: dict[str, bytes]
    colours: tuple[str, ...]
    perceptual_hash: int
    xmp: bytes = b""  # the file's XMP packet, not parsed
    metadata: FileMetadata = field(default_factory=FileMetadata)


def examine(data: bytes) -> ImageFacts:
    """Recognise a file, decode it once, and render its renditions from that.

    Raises PictureRefused if it cannot be decoded, and PictureTooLarge above MAX_PIXELS.
    """
    with decode_errors():
        decoded = decode(data, nearly(SHOWN["preview"]))
        preview, grid = _previews(_as_pillow(decoded.image))
    shown = _webp(preview)
    mime, extension = FORMATS[decoded.format]
    return ImageFacts(
        mime,
        extension,
        decoded.width,
        decoded.height,
        {
            "grid": shown if grid is preview else _webp(grid),
            "preview": shown,
            "encoder": _jpeg(flatten(preview)),
        },
        *_features(grid),
        decoded.xmp,
        read_metadata(data),
    )


def extract_features(data: bytes) -> tuple[tuple[str, ...], int]:
    """Return the dominant colours and the perceptual hash of a file or a rendition.

    A rendition is faster and nearly as good: its hash differs by one or two bits from that of the
    original. Raises PictureRefused.
    """
    return _features(_previews(_load(data, nearly(SHOWN["preview"])))[1])


def load_rgb(file: IO[bytes], *, side: int) -> Image.Image:
    """Return an image as RGB, upright, in sRGB, on a ground that contrasts with what is opaque.

    A large one is reduced by a whole factor while it is decoded; its sides still have at least
    `side` pixels. Raises PictureRefused.
    """
    file.seek(0)
    return flatten(_load(file.read(), at_least(side)))


def load_rendition(file: IO[bytes], *, side: int) -> Image.Image:
    """Return a rendition that `examine` made, as RGB; both sides have at least `side` pixels, if
    they had them. It is our own file, so it is decoded in this process."""
    with Image.open(file, formats=["JPEG", "WEBP"]) as image:
        image.draft("RGB", (side, side))
        return flatten(image)


def render(data: bytes, *, fmt: str, side: int) -> bytes:
    """Return the image as a file: upright, in sRGB, its longest side at most `side` pixels.

    `fmt` is a key of OUTPUT_FORMATS; all but JPEG keep transparency. The pixels are streamed from
    the decoder to the encoder where nothing needs all of them. Raises PictureRefused.
    """
    with decode_errors():
        return _saved(decode(data, fit(side)).image, fmt)


def as_reference(data: bytes, *, side: int) -> tuple[bytes, str]:
    """Return a file for a model that takes JPEG, PNG and WebP, and its MIME type.

    The bytes stay as they are if they are upright, in sRGB, without metadata, and within `side`
    pixels a side. Raises PictureRefused.
    """
    with decode_errors():
        decoded = decode(data, fit(side))
        small = max(decoded.width, decoded.height) <= side
        if decoded.plain and small and decoded.format in {"JPEG", "PNG", "WEBP"}:
            return data, FORMATS[decoded.format][0]
        fmt = "PNG" if decoded.image.bands == 4 else "JPEG"
        return _saved(decoded.image, fmt), FORMATS[fmt][0]


def _load(data: bytes, scale: Scale) -> Image.Image:
    with decode_errors():
        return _as_pillow(decode(data, scale).image)


def _as_pillow(image: pyvips.Image) -> Image.Image:
    mode = "RGB" if image.bands == 3 else "RGBA"
    return Image.frombuffer(mode, (image.width, image.height), image.write_to_memory())


def _features(small: Image.Image) -> tuple[tuple[str, ...], int]:
    return colours.dominant_colours(small), perceptual_hash(flatten(small))


def _previews(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Return preview and grid; the grid is reduced from the preview.

    Both are the same picture if that is hardly larger than the grid's: encoding it twice would take
    as long again as all else.
    """
    preview = _reduced(image, SHOWN["preview"])
    small = max(preview.size) <= HARDLY_LARGER * SHOWN["grid"]
    return preview, preview if small else _reduced(preview, SHOWN["grid"])


def _reduced(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    # Lanczos takes half as long again, for a sharpness that nobody sees
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, icc_profile=icc.SRGB)
    return buffer.getvalue()


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # Method 2 takes 1.6 times as long, and method 4 four times, for a fifth fewer bytes. Below 88,
    # flat colours are up to 4 of 255 away from what they were
    image.save(buffer, "WEBP", quality=88, method=0, icc_profile=icc.SRGB)
    return buffer.getvalue()


def _saved(image: pyvips.Image, fmt: str) -> bytes:
    """Return the bytes of a file that says sRGB, and nothing else: see `media.metadata`."""
    if fmt == "JPEG" and image.bands == 4:
        image = image.copy_memory()
        sample = image.thumbnail_image(SAMPLE_SIDE, size="down")
        image = image.flatten(background=list(ground(_as_pillow(sample))))
    image = image.copy()
    for name in image.get_fields():
        if name.endswith("-data") or name == "orientation":
            image.remove(name)
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc.SRGB)
    saver, options = OUTPUT_FORMATS[fmt]
    saved: bytes = getattr(image, saver)(keep="icc", **options)
    return saved
