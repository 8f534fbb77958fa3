"""Reads assets as reference images for an engine."""

from __future__ import annotations

from assetbank.assets import open_rendition, read_original
from assetbank.media import decoder
from assetbank.models import Asset
from generation.engines.base import ReferenceImage

MAX_SENT_BYTES = 4 * 2**20  # bytes; fourteen such references fit into one inline request
MAX_SENT_SIDE = 4_096  # pixels; image models draw at most that


def reference_image(asset: Asset, role: str = "") -> ReferenceImage:
    """Return an asset as a reference: upright, in sRGB, as JPEG, PNG or WebP, without EXIF.

    That is its original if it is so already, or else a copy of it; and its preview if these have
    more than MAX_SENT_BYTES. Raises FileMissing and PictureRefused.
    """
    if asset.bytes <= MAX_SENT_BYTES:
        data, mime = decoder.as_reference(read_original(asset), side=MAX_SENT_SIDE)
        if len(data) <= MAX_SENT_BYTES:
            return _reference(asset, data, mime, role)
    with open_rendition(asset=asset, name="preview") as file:
        return _reference(asset, file.read(), "image/webp", role)


def original_image(asset: Asset, role: str = "") -> ReferenceImage:
    """Return the original of an asset as a reference. Raises FileMissing."""
    return _reference(asset, read_original(asset), asset.mime, role)


def _reference(asset: Asset, data: bytes, mime: str, role: str) -> ReferenceImage:
    return ReferenceImage(data, mime, asset.display_title, role, asset.pk, asset.checksum)
