"""Pending rows to vectors in Postgres, and from there into Milvus."""

from search.indexing import (
    collections,
    enrolment,
    entities,
    pipeline,
    reconcile,
    space_encoders,
    spaces,
)

__all__ = [
    "collections", "enrolment", "entities", "pipeline", "reconcile", "space_encoders", "spaces",
]  # fmt: skip
