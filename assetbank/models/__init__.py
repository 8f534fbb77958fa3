"""Tables of the library."""

from assetbank.models.assets import Asset, AssetQuerySet, original_path
from assetbank.models.brands import Brand, Membership, hex_colour, validate_palette
from assetbank.models.collections import Collection, CollectionItem
from assetbank.models.decisions import Decision
from assetbank.models.history import TrackedTag, track_changes
from assetbank.models.idempotency import IdempotentRequest
from assetbank.models.notifications import Notice

__all__ = [
    "Asset", "AssetQuerySet", "Brand", "Collection", "CollectionItem", "Decision",
    "IdempotentRequest", "Membership", "Notice", "TrackedTag", "hex_colour", "original_path",
    "track_changes", "validate_palette",
]  # fmt: skip
