"""The offline engine: a composed draft that is labelled as such."""

from generation.engines.sketch import engine

__all__ = ["engine"]
