"""Saved searches, their updates, and the golden queries of the relevance test set."""

from search.saved import golden, impact, searches, stored_query, updates

__all__ = ["golden", "impact", "searches", "stored_query", "updates"]
