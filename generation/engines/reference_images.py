"""An asset as an engine gets it."""

from __future__ import annotations

from assetbank.assets import open_rendition, read_original
from assetbank.models import Asset
from generation.engines.base import ReferenceImage

SENT_AS_IS = {"image/jpeg", "image/png", "image/webp", "image/heic"}
MAX_SENT_BYTES = 4 * 2**20  # bytes; fourteen of these fit into one inline request


def sent_as_is(asset: Asset) -> bool:
    return asset.mime in SENT_AS_IS and asset.bytes <= MAX_SENT_BYTES


def reference_image(asset: Asset, role: str = "") -> ReferenceImage:
    """The original where engines take it, else its preview. Raises FileMissing, PictureRefused."""
    if sent_as_is(asset):
        return original_image(asset, role)
    with open_rendition(asset=asset, name="preview") as file:
        return ReferenceImage(file.read(), "image/webp", asset.title, role, asset.pk)


def original_image(asset: Asset, role: str = "") -> ReferenceImage:
    """Raises FileMissing."""
    data = read_original(asset)
    return ReferenceImage(data, asset.mime, asset.title, role, asset.pk)
