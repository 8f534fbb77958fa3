"""File formats: where the blocks of metadata lie in a file, and how others are embedded."""

from assetbank.media.metadata.containers.blocks import Blocks
from assetbank.media.metadata.containers.dispatch import embed, find_pieces, is_png, read_blocks
from assetbank.media.metadata.containers.png import replace_chunks

__all__ = ["Blocks", "embed", "find_pieces", "is_png", "read_blocks", "replace_chunks"]
