"""What search keeps."""

from search.models.asking import (
    Asked,
    GoldenQuestion,
    PictureQuestion,
    SavedSearch,
    SavedSearchVisit,
    ShootListItem,
)
from search.models.duplicates import Comparison, Likeness, NotTheSame
from search.models.spaces import Embedding, EmbeddingQuerySet, Vector, VectorSpace, with_index_state
from search.models.words import Document

__all__ = [
    "Asked",
    "Comparison",
    "Document",
    "Embedding",
    "EmbeddingQuerySet",
    "GoldenQuestion",
    "Likeness",
    "NotTheSame",
    "PictureQuestion",
    "SavedSearch",
    "SavedSearchVisit",
    "ShootListItem",
    "Vector",
    "VectorSpace",
    "with_index_state",
]
