"""What a file says of itself: XMP, IPTC-IIM and EXIF as bytes. Knows no pixels, no Django."""

from assetbank.media.metadata.model import FileMetadata

__all__ = ["FileMetadata"]
