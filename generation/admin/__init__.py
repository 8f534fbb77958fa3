"""The studio in the admin."""

from generation.admin import batches, engines, generations, money, rules, webhooks

__all__ = ["batches", "engines", "generations", "money", "rules", "webhooks"]
