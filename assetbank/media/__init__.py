"""Bytes to pixels: formats, renditions, colours, perceptual hashes. Knows no database.

Foreign bytes are given to `decoder`; `images` has the tables of formats and sizes, and what
`decoder` runs in its child processes.
"""

from assetbank.media import colours, decoder, images, phash
from assetbank.media.images import ImageFacts

__all__ = ["ImageFacts", "colours", "decoder", "images", "phash"]
