"""Image processing: decoding, renditions, colours, perceptual hashes. Uses no database."""

from assetbank.media import colours, images
from assetbank.media.images import ImageFacts

__all__ = ["ImageFacts", "colours", "images"]
