"""What PNG chunks and HEIF boxes say of colour and orientation, which decoders do not tell."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from assetbank.media import icc

ORIENTATION, INTEROPERABILITY = 0x0112, 0xA005  # EXIF tags
TRANSFORMS = {b"irot", b"imir"}  # HEIF properties that turn and mirror
MAX_CHUNKS = 100_000
MAX_PROFILE = 8 * 2**20  # bytes


@dataclass(frozen=True)
class Exif:
    """EXIF tags about the pixels: the orientation, 1 to 8, and whether they are Adobe RGB."""

    orientation: int = 1
    adobe_rgb: bool = False


def read_exif(data: bytes | None) -> Exif:
    """Read an EXIF block; a broken one says nothing."""
    if not data:
        return Exif()
    with suppress(Exception):  # Pillow raises many kinds; no picture is refused for its EXIF
        exif = Image.Exif()
        exif.load(data)
        orientation = exif.get(ORIENTATION, 1)
        index = exif.get_ifd(INTEROPERABILITY).get(1, "")
        adobe_rgb = str(index).startswith("R03")  # DCF: "the option file", which is Adobe RGB
        return Exif(orientation if orientation in range(1, 9) else 1, adobe_rgb)
    return Exif()


# ------------------------------------------------------------------------------------ PNG


def png_chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the bodies of the chunks that say something of colour, and of eXIf, by name."""
    wanted = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"}
    found: dict[bytes, bytes] = {}
    at = 8
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            break
        length, name = struct.unpack_from(">I4s", data, at)
        if name in wanted:
            found.setdefault(name, data[at + 8 : at + 8 + length])
        at += 12 + length
    return found


def png_profiles(chunks: dict[bytes, bytes], embedded: bytes) -> Iterator[bytes]:
    """Yield profiles in the precedence of the PNG specification, third edition, chapter 13.1:
    cICP, iCCP (`embedded`), sRGB, gAMA and cHRM."""
    if len(code := chunks.get(b"cICP", b"")) == 4 and code[2] == 0:
        known = icc.from_code_points(code[0], code[1], full_range=code[3] != 0)
        if known is not None:
            yield known
    if profile := embedded or _inflated(chunks.get(b"iCCP", b"")):
        yield profile
    if b"sRGB" in chunks:
        yield icc.SRGB
    gamma, chroma = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    with suppress(struct.error, ArithmeticError, ValueError):  # zeros, as in a broken file
        if gamma or chroma:
            yield _from_gamma(gamma, chroma)


def _inflated(chunk: bytes) -> bytes:
    """Return the profile of iCCP: libvips drops one of RGB from a grey picture."""
    _, _, packed = chunk.partition(b"\0")
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(packed[1:], MAX_PROFILE)
    return b""


def _from_gamma(gamma: bytes, chroma: bytes) -> bytes:
    primaries = icc.REC709
    curve: icc.Curve = icc.srgb_curve
    if chroma:
        white_x, white_y, *colours = (value / 100_000 for value in struct.unpack(">8I", chroma))
        red_x, red_y, green_x, green_y, blue_x, blue_y = colours
        primaries = (red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y)
    if gamma:
        curve = icc.gamma_curve(100_000 / struct.unpack(">I", gamma)[0])
    return icc.matrix_profile(primaries, curve)


# ----------------------------------------------------------------------------- HEIF, AVIF


def heif_properties(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return (type, body) of the properties of the primary image; broken boxes have none."""
    with suppress(struct.error, IndexError, KeyError):
        meta = dict(_boxes(dict(_boxes(data))[b"meta"][4:]))
        wide = meta[b"pitm"][0] > 0
        (primary,) = struct.unpack_from(">I" if wide else ">H", meta[b"pitm"], 4)
        children = list(_boxes(meta[b"iprp"]))
        properties = list(_boxes(dict(children)[b"ipco"]))
        own = [
            properties[index - 1]
            for name, body in children
            if name == b"ipma"
            for index in _associated(body, primary)
            if 0 < index <= len(properties)
        ]
        if not any(name == b"colr" for name, _ in own):  # a grid whose tiles say it
            own += [(name, body) for name, body in properties if name == b"colr"]
        return own
    return []


def heif_profiles(properties: list[tuple[bytes, bytes]], embedded: bytes) -> Iterator[bytes]:
    """Yield the embedded profile, then that of the nclx property.

    Decoders have converted YCbCr to full-range RGB already.
    """
    if embedded:
        yield embedded
    for name, body in properties:
        if name == b"colr" and body[:4] == b"nclx" and len(body) >= 10:
            primaries, transfer = struct.unpack_from(">HH", body, 4)
            profile = icc.from_code_points(primaries, transfer)
            if profile is not None:
                yield profile


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, body) of ISO base media boxes."""
    at = 0
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            break
        size, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        size = size or len(data) - at
        yield name, data[at + head : at + size]
        at += max(size, 8)


def _associated(body: bytes, item: int) -> list[int]:
    """Return the numbers, from 1, of the properties of an item in an ipma box."""
    version, flags = body[0], body[3]
    (count,) = struct.unpack_from(">I", body, 4)
    at = 8
    for _ in range(min(count, MAX_CHUNKS)):
        (found,) = struct.unpack_from(">I" if version else ">H", body, at)
        at += 4 if version else 2
        entries = body[at]
        wide = flags & 1
        numbers = struct.unpack_from(f">{entries}{'H' if wide else 'B'}", body, at + 1)
        if found == item:
            return [number & (0x7FFF if wide else 0x7F) for number in numbers]
        at += 1 + entries * (2 if wide else 1)
    return []
