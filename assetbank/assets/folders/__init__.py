"""Import: folders as they are, which are remembered and watched, and tables of metadata."""

from assetbank.assets.folders import csv_import
from assetbank.assets.folders.importer import Importer
from assetbank.assets.folders.options import FoldersAs, ImportOptions, Outcome, Result
from assetbank.assets.folders.table import match_rows, read_rows
from assetbank.assets.folders.walk import FoundFile, Walk
from assetbank.assets.folders.watch import scan_watched_folders

__all__ = [
    "FoldersAs", "FoundFile", "ImportOptions", "Importer", "Outcome", "Result", "Walk",
    "csv_import", "match_rows", "read_rows", "scan_watched_folders",
]  # fmt: skip
