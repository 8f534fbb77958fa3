"""The studio in the admin."""

from generation.admin import batches, generations, rules, webhooks

__all__ = ["batches", "generations", "rules", "webhooks"]
