"""Search in the admin."""

from search.admin.index import EmbeddingAdmin, IndexedAssetAdmin
from search.admin.kept import (
    AskedAdmin,
    GoldenQuestionAdmin,
    SavedSearchAdmin,
    ShootListAdmin,
)
from search.admin.pictures import PictureQuestionAdmin
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
