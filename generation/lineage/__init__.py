"""Sources of a generated image, the terms it inherits, and its provenance record."""

from generation.lineage import graph, impact, inheritance, quarantine, record, references

__all__ = ["graph", "impact", "inheritance", "quarantine", "record", "references"]
