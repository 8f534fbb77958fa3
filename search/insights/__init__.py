"""Insights from logged searches: gaps in the library, and the shoot list."""

from search.insights import gaps, shoot_list

__all__ = ["gaps", "shoot_list"]
