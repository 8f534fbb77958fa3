"""Admin of search."""

from search.admin.index import EmbeddingAdmin, IndexedAssetAdmin
from search.admin.query_images import PictureQuestionAdmin
from search.admin.saved_searches import (
    AskedAdmin,
    GoldenQuestionAdmin,
    SavedSearchAdmin,
    ShootListAdmin,
)
from search.admin.spaces import VectorSpaceAdmin

__all__ = [
    "AskedAdmin",
    "EmbeddingAdmin",
    "GoldenQuestionAdmin",
    "IndexedAssetAdmin",
    "PictureQuestionAdmin",
    "SavedSearchAdmin",
    "ShootListAdmin",
    "VectorSpaceAdmin",
]
