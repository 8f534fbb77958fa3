"""Offline engine: lays out a draft from references, prompt and palette, and labels it as such."""

from generation.engines.sketch import engine

__all__ = ["engine"]
