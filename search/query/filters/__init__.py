"""Compilers of `Filters`: to a Milvus expression, and to conditions of a query set."""

from search.query.filters import custom_fields
from search.query.filters.milvus import to_milvus
from search.query.filters.sql import CAPTURED_DAY, to_queryset

__all__ = ["CAPTURED_DAY", "custom_fields", "to_milvus", "to_queryset"]
