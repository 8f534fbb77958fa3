"""What a file says of itself: XMP, IPTC-IIM and EXIF as bytes. Knows no pixels, no Django."""

from assetbank.media.metadata.location import strip_location
from assetbank.media.metadata.model import FileMetadata
from assetbank.media.metadata.reading import parse_xmp, read_metadata
from assetbank.media.metadata.writing import write_metadata

__all__ = ["FileMetadata", "parse_xmp", "read_metadata", "strip_location", "write_metadata"]
