"""Everything that changes an asset: ingest, update, approve, collect, merge, replace, delete."""

from assetbank.assets import approval, collections, downloads, fields, merge, rendered

from assetbank.assets import trash, versions  # isort: skip
from assetbank.assets.backfill import (
    backfill_features,
    fill_from_file,
    refresh_renditions,
    unread_assets,
)
from assetbank.assets.files import delete_files, open_rendition, read_original
from assetbank.assets.ingest import GenerationProvenance, IngestResult, ingest_asset
from assetbank.assets.update import can_undo, undo_change, update_asset

__all__ = [
    "GenerationProvenance", "IngestResult", "approval", "backfill_features", "can_undo",
    "collections", "delete_files", "downloads", "fields", "fill_from_file", "ingest_asset", "merge",
    "open_rendition", "read_original", "refresh_renditions", "rendered", "trash", "undo_change",
    "unread_assets", "update_asset", "versions",
]  # fmt: skip
