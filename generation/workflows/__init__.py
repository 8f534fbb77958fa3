"""Requests that are built on a generation: refine, finalise, batch, bulk order, withdraw."""

from generation.workflows import bulk_orders, finalise, refine, withdrawal
from generation.workflows.batch import (
    BatchEstimate,
    BatchProgress,
    batch_progress,
    estimate_batch,
    retry_batch,
    stop_batch,
    submit_batch,
)
from generation.workflows.matrix import MAX_CELLS, Matrix

__all__ = [
    "MAX_CELLS", "BatchEstimate", "BatchProgress", "Matrix", "batch_progress", "bulk_orders",
    "estimate_batch", "finalise", "refine", "retry_batch", "stop_batch", "submit_batch",
    "withdrawal",
]  # fmt: skip
