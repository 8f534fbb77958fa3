"""Pairs and groups of assets that show the same picture."""

from search.duplicates import detect, dismissals, groups

__all__ = ["detect", "dismissals", "groups"]
