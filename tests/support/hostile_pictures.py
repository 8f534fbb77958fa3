"""Small files that are expensive to decode."""

from __future__ import annotations

import io

from PIL import Image


def many_scans(*, scans: int = 3000, size: tuple[int, int] = (4000, 4000)) -> bytes:
    """Return a progressive JPEG that repeats its scans; each goes through all of the picture."""
    buffer = io.BytesIO()
    Image.new("L", size, 90).save(buffer, "JPEG", progressive=True, quality=90)
    data = buffer.getvalue()
    first = data.index(b"\xff\xda")
    after = _end_of_scan(data, first)
    rest = data[after:-2]
    repeated = rest * (scans // rest.count(b"\xff\xda") + 1)
    return data[:after] + repeated + b"\xff\xd9"


def _end_of_scan(data: bytes, start: int) -> int:
    """Return where the next marker begins that is neither a stuffed byte nor a restart."""
    place = start + 2
    while not (data[place] == 0xFF and data[place + 1] != 0 and not 0xD0 <= data[place + 1] <= 0xD7):
        place += 1
    return place


def png_bomb(*, size: tuple[int, int] = (10_900, 10_900), mode: str = "L") -> bytes:
    """Return a PNG of a few kilobytes with many pixels."""
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()
