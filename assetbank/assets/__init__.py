"""Everything that changes an asset: ingest, update, approve, collect, merge, delete."""

from assetbank.assets import approval, collections, downloads, fields, merge, trash
from assetbank.assets.backfill import backfill_features
from assetbank.assets.files import delete_files, open_rendition, read_original
from assetbank.assets.ingest import GenerationProvenance, IngestResult, ingest_asset
from assetbank.assets.update import update_asset

__all__ = [
    "GenerationProvenance", "IngestResult", "approval", "backfill_features", "collections",
    "delete_files", "downloads", "fields", "ingest_asset", "merge", "open_rendition",
    "read_original", "trash", "update_asset",
]  # fmt: skip
