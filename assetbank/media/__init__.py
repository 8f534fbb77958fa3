"""Image processing: decoding, renditions, colours, perceptual hashes. Uses no database."""

from assetbank.media import colours, images

__all__ = ["colours", "images"]
