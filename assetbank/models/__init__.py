"""Tables of the library."""

from assetbank.models.assets import Asset, AssetQuerySet, original_path
from assetbank.models.brands import Brand, Membership, hex_colour, validate_palette
from assetbank.models.collections import Collection, CollectionItem
from assetbank.models.custom_fields import CustomField, CustomNumber
from assetbank.models.decisions import Decision
from assetbank.models.idempotency import IdempotentRequest
from assetbank.models.metadata import UNTITLED
from assetbank.models.notifications import Notice
from assetbank.models.rendered import RenderedFile, rendered_path

__all__ = [
    "UNTITLED", "Asset", "AssetQuerySet", "Brand", "Collection", "CollectionItem", "CustomField",
    "CustomNumber", "Decision", "IdempotentRequest", "Membership", "Notice", "RenderedFile",
    "hex_colour", "original_path", "rendered_path", "validate_palette",
]  # fmt: skip
