"""The studio in the admin."""

from generation.admin import generations, rules, webhooks

__all__ = ["generations", "rules", "webhooks"]
