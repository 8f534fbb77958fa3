"""Pairs and groups of assets that show the same image."""

from search.duplicates import detect, dismissals, groups

__all__ = ["detect", "dismissals", "groups"]
