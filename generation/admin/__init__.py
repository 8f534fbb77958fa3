"""The studio in the admin."""

from generation.admin import generations, webhooks

__all__ = ["generations", "webhooks"]
