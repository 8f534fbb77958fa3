"""Sources of a generated image, the terms it inherits, and its provenance record."""

from generation.lineage import graph, inheritance, quarantine, record, references

__all__ = ["graph", "inheritance", "quarantine", "record", "references"]
