"""Admin of search."""

from search.admin.index import EmbeddingAdmin, IndexedAssetAdmin
from search.admin.query_images import QueryImageAdmin
from search.admin.saved_searches import (
    GoldenQuestionAdmin,
    QueryLogAdmin,
    SavedSearchAdmin,
    ShootListAdmin,
)
from search.admin.spaces import VectorSpaceAdmin

__all__ = [
    "EmbeddingAdmin",
    "GoldenQuestionAdmin",
    "IndexedAssetAdmin",
    "QueryImageAdmin",
    "QueryLogAdmin",
    "SavedSearchAdmin",
    "ShootListAdmin",
    "VectorSpaceAdmin",
]
