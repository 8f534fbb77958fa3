"""Folders as they are: walk through them, import them, remember and watch them."""

from assetbank.assets.folders.importer import Importer
from assetbank.assets.folders.options import FoldersAs, ImportOptions, Outcome, Result
from assetbank.assets.folders.walk import Walk

__all__ = ["FoldersAs", "ImportOptions", "Importer", "Outcome", "Result", "Walk"]
