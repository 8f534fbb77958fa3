"""An asset as an engine gets it."""

from __future__ import annotations

from assetbank.assets import files
from assetbank.models import Asset
from generation.engines.base import ReferenceImage

SENT_AS_IS = {"image/jpeg", "image/png", "image/webp", "image/heic"}
LARGEST_SENT = 4 * 2**20  # bytes; fourteen of these fit into one inline request


def sent_as_is(asset: Asset) -> bool:
    return asset.mime in SENT_AS_IS and asset.bytes <= LARGEST_SENT


def image(asset: Asset, role: str = "") -> ReferenceImage:
    """The original where engines take it, else its preview. Raises FileMissing, PictureRefused."""
    if sent_as_is(asset):
        return original(asset, role)
    with files.rendition(asset=asset, name="preview") as file:
        return ReferenceImage(file.read(), "image/webp", asset.title, role, asset.pk)


def original(asset: Asset, role: str = "") -> ReferenceImage:
    """Raises FileMissing."""
    data = files.original_bytes(asset)
    return ReferenceImage(data, asset.mime, asset.title, role, asset.pk)
