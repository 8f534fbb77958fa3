"""The studio in the admin."""

from generation.admin import generations

__all__ = ["generations"]
