"""Milvus: the only package that imports pymilvus."""

from search.vectorstore import connection, expressions, schema, store
from search.vectorstore.connection import VectorStoreRejected, VectorStoreUnavailable

__all__ = [
    "VectorStoreRejected", "VectorStoreUnavailable", "connection", "expressions", "schema", "store",
]  # fmt: skip
