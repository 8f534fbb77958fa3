"""Pairs and groups of assets that are copies of one image: resized, compressed or cropped."""

from search.duplicates import detect, dismissals, groups

__all__ = ["detect", "dismissals", "groups"]
