"""Bytes to pixels: formats, renditions, colours, perceptual hashes. Knows no database."""

from assetbank.media import colours, images, phash
from assetbank.media.images import ImageFacts

__all__ = ["ImageFacts", "colours", "images", "phash"]
