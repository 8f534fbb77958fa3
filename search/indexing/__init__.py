"""Indexing of assets: their vectors are computed, stored in PostgreSQL, and copied into Milvus."""

from search.indexing import (
    collections,
    enrolment,
    entities,
    pipeline,
    reconcile,
    space_encoders,
    spaces,
)
from search.indexing.reconcile import same_scalars

__all__ = [
    "collections", "enrolment", "entities", "pipeline", "reconcile", "same_scalars",
    "space_encoders", "spaces",
]  # fmt: skip
