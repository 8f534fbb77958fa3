"""Tables of the library."""

from assetbank.models.assets import Asset, AssetQuerySet, original_path
from assetbank.models.brands import Brand, Membership, hex_colour, validate_palette
from assetbank.models.collections import Collection, CollectionItem
from assetbank.models.custom_fields import CustomField, CustomNumber
from assetbank.models.decisions import Decision
from assetbank.models.files import RENDITION_RULES
from assetbank.models.history import TrackedTag, track_changes
from assetbank.models.idempotency import IdempotentRequest
from assetbank.models.metadata import UNTITLED
from assetbank.models.notifications import Notice
from assetbank.models.sources import MAX_PATH_BYTES, AssetSource, WatchedFolder
from assetbank.models.versions import FILE_FIELDS, AssetVersion, RenderedFile, rendered_path

__all__ = [
    "FILE_FIELDS", "MAX_PATH_BYTES", "RENDITION_RULES", "UNTITLED", "Asset", "AssetQuerySet",
    "AssetSource", "AssetVersion", "Brand", "Collection", "CollectionItem", "CustomField",
    "CustomNumber", "Decision", "IdempotentRequest", "Membership", "Notice", "RenderedFile",
    "TrackedTag", "WatchedFolder", "hex_colour", "original_path", "rendered_path", "track_changes",
    "validate_palette",
]  # fmt: skip
