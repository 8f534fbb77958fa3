"""Requests that are built on a generation: refine, finalise, batch, bulk order, withdraw."""

from generation.workflows import batch, bulk_orders, finalise, refine, withdrawal

__all__ = ["batch", "bulk_orders", "finalise", "refine", "withdrawal"]
