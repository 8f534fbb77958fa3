"""Requests that are built on a generation: refine, finalise, batch, bulk order, withdraw."""

from generation.workflows import batch, bulk_orders, finalise, refine, withdrawal
from generation.workflows.matrix import MAX_CELLS, Matrix

__all__ = ["MAX_CELLS", "Matrix", "batch", "bulk_orders", "finalise", "refine", "withdrawal"]
