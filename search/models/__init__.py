"""Models of search."""

from search.models.duplicates import Comparison, Likeness, NotTheSame
from search.models.fulltext import Document
from search.models.query_log import Asked, PictureQuestion
from search.models.saved import GoldenQuestion, SavedSearch, SavedSearchVisit
from search.models.shoot_list import ShootListItem
from search.models.spaces import Embedding, EmbeddingQuerySet, Vector, VectorSpace, with_index_state

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
