"""Everything that changes an asset: ingest, update, approve, collect, merge, delete."""

from assetbank.assets import approval, collections, downloads, fields, merge, undo
from assetbank.assets.backfill import backfill_features
from assetbank.assets.files import open_rendition, read_original
from assetbank.assets.ingest import GenerationProvenance, IngestResult, ingest_asset
from assetbank.assets.update import delete_asset, update_asset

__all__ = [
    "GenerationProvenance", "IngestResult", "approval", "backfill_features", "collections",
    "delete_asset", "downloads", "fields", "ingest_asset", "merge", "open_rendition",
    "read_original", "undo", "update_asset",
]  # fmt: skip
