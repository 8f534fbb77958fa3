"""Small files that are expensive to decode."""

from __future__ import annotations

import io
import itertools

from PIL import Image


def many_scans(*, scans: int = 3000, size: tuple[int, int] = (4000, 4000)) -> bytes:
    """Return a progressive JPEG that repeats a scan, which goes through the whole picture."""
    buffer = io.BytesIO()
    Image.new("L", size, 90).save(buffer, "JPEG", progressive=True, quality=90)
    data = buffer.getvalue()
    starts = [place for place in range(len(data)) if data.startswith(b"\xff\xda", place)]
    # A scan of AC coefficients is a few runs of empty blocks; its Huffman tables stand before it
    ends = [_next_marker(data, start + 2) for start in starts]
    one = min((data[a:b] for a, b in itertools.pairwise(ends)), key=len)
    return data[:-2] + one * (scans - len(starts)) + data[-2:]


def _next_marker(data: bytes, place: int) -> int:
    """Return where the next marker begins: neither a stuffed byte nor a restart."""
    beside = {0, *range(0xD0, 0xD8)}
    while not (data[place] == 0xFF and data[place + 1] not in beside):
        place += 1
    return place


def png_bomb(*, size: tuple[int, int] = (10_900, 10_900), mode: str = "L") -> bytes:
    """Return a PNG of a few kilobytes with many pixels."""
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()
