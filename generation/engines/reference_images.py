"""Reads assets as reference images for an engine."""

from __future__ import annotations

from assetbank.assets import open_rendition, read_original
from assetbank.models import Asset
from generation.engines.base import ReferenceImage

SENT_AS_IS = {"image/jpeg", "image/png", "image/webp", "image/heic"}
MAX_SENT_BYTES = 4 * 2**20  # bytes; fourteen such references fit into one inline request


def is_sent_as_original(asset: Asset) -> bool:
    """Return True if engines get the original of an asset, False if they get its preview: they
    accept the types SENT_AS_IS, of at most MAX_SENT_BYTES."""
    return asset.mime in SENT_AS_IS and asset.bytes <= MAX_SENT_BYTES


def reference_image(asset: Asset, role: str = "") -> ReferenceImage:
    """Return an asset as a reference: its original if engines accept it, else its preview.

    Raises FileMissing and PictureRefused.
    """
    if is_sent_as_original(asset):
        return original_image(asset, role)
    with open_rendition(asset=asset, name="preview") as file:
        data = file.read()
    return ReferenceImage(data, "image/webp", asset.title, role, asset.pk, asset.checksum)


def original_image(asset: Asset, role: str = "") -> ReferenceImage:
    """Return the original of an asset as a reference. Raises FileMissing."""
    data = read_original(asset)
    return ReferenceImage(data, asset.mime, asset.title, role, asset.pk, asset.checksum)
