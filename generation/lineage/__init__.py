"""Lineage: sources and descendants of assets, inherited terms, quarantine, provenance records."""

from generation.lineage import graph, inheritance, quarantine, record

__all__ = ["graph", "inheritance", "quarantine", "record"]
