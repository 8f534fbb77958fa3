"""Models of search."""

from search.models.duplicates import Comparison, DuplicateDismissal, DuplicatePair
from search.models.fulltext import Document
from search.models.query_log import QueryImage, QueryLog
from search.models.saved import GoldenQuestion, SavedSearch, SavedSearchVisit
from search.models.shoot_list import ShootListItem
from search.models.spaces import Embedding, EmbeddingQuerySet, Vector, VectorSpace, with_index_state

__all__ = [
    "Comparison", "Document", "DuplicateDismissal", "DuplicatePair", "Embedding",
    "EmbeddingQuerySet", "GoldenQuestion", "QueryImage", "QueryLog", "SavedSearch",
    "SavedSearchVisit", "ShootListItem", "Vector", "VectorSpace", "with_index_state",
]  # fmt: skip
