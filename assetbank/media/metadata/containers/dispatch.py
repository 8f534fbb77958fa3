"""Which format a file has, and its blocks of metadata."""

from __future__ import annotations

from assetbank.media.metadata.containers import boxes, gif, jpeg, png, tiff, webp
from assetbank.media.metadata.containers.blocks import Blocks, Piece, blocks_of
from assetbank.media.metadata.exif import Exif
from assetbank.media.metadata.exif_writing import build_exif
from assetbank.media.metadata.xmp import Packet


def read_blocks(data: bytes) -> Blocks:
    """Return the metadata of a file of any format; empty, if none is known."""
    return png.read(data) if is_png(data) else blocks_of(data, find_pieces(data))


def is_png(data: bytes) -> bool:
    return data.startswith(png.SIGNATURE)


def find_pieces(data: bytes) -> list[Piece]:
    """Return the places of the blocks, in formats that do not compress them: all but PNG."""
    if data.startswith(b"\xff\xd8"):
        return jpeg.find(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp.find(data)
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return tiff.find(data)
    if data[4:8] == b"ftyp":
        return boxes.find_in_heif(data)
    if data.startswith(boxes.JP2):
        return boxes.find_in_jp2(data)
    return gif.find(data) if data.startswith(b"GIF8") else []


def embed(
    data: bytes, *, packet: Packet, exif: Exif, resources: bytes = b"", iim: bytes = b""
) -> bytes:
    """Return a JPEG, PNG, WebP or TIFF with these blocks in place of its own.

    `resources` contain `iim`; the first is for JPEG, and both are for TIFF. Raises ValueError for
    another format.
    """
    if data.startswith(b"\xff\xd8"):
        return jpeg.embed(data, packet=packet, exif=build_exif(exif), resources=resources)
    xmp = packet.to_bytes()
    if is_png(data):
        return png.embed(data, xmp=xmp, exif=build_exif(exif))
    if data[:4] == b"RIFF":
        return webp.embed(data, xmp=xmp, exif=build_exif(exif))
    if data[:4] in (b"II*\0", b"MM\0*"):
        return tiff.embed(data, xmp=xmp, exif=exif, resources=resources, iim=iim)
    raise ValueError("metadata are written into JPEG, PNG, WebP and TIFF only")
