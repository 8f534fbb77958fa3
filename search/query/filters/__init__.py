"""The two compilers of `Filters`: a Milvus expression, and conditions of a queryset."""

from search.query.filters.milvus import to_milvus
from search.query.filters.sql import to_queryset

__all__ = ["to_milvus", "to_queryset"]
