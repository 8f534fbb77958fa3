"""Bytes to pixels: formats, renditions, colours, perceptual hashes. Knows no database."""

from assetbank.media import colours, images

__all__ = ["colours", "images"]
