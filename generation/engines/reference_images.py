"""Reads assets as reference images for an engine."""

from __future__ import annotations

from assetbank.assets import open_rendition, read_original
from assetbank.models import Asset
from generation.engines.base import ReferenceImage

SENT_AS_IS = {"image/jpeg", "image/png", "image/webp", "image/heic"}
MAX_SENT_BYTES = 4 * 2**20  # bytes; fourteen such references fit into one inline request


def sent_as_is(asset: Asset) -> bool:
    """Return True if the original is sent, False if its preview is."""
    return asset.mime in SENT_AS_IS and asset.bytes <= MAX_SENT_BYTES


def reference_image(asset: Asset, role: str = "") -> ReferenceImage:
    """Return the original if engines accept it, else its preview. Raises FileMissing and
    PictureRefused."""
    if sent_as_is(asset):
        return original_image(asset, role)
    with open_rendition(asset=asset, name="preview") as file:
        return ReferenceImage(file.read(), "image/webp", asset.title, role, asset.pk)


def original_image(asset: Asset, role: str = "") -> ReferenceImage:
    """Return the original of an asset. Raises FileMissing."""
    data = read_original(asset)
    return ReferenceImage(data, asset.mime, asset.title, role, asset.pk)
