"""PNG: metadata in eXIf, in iTXt (XMP), and in texts, of which some are "raw profiles"."""

from __future__ import annotations

import binascii
import re
import struct
import zlib
from collections.abc import Callable, Iterator

from assetbank.media.metadata.containers.blocks import Blocks
from assetbank.media.metadata.iim import parse_resources

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP = b"XML:com.adobe.xmp"
PROFILE = re.compile(rb"Raw profile type (exif|APP1|iptc|xmp)")
TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
MAX_CHUNKS, MAX_INFLATED = 200_000, 8_000_000
APP1_EXIF, APP1_XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


def read(data: bytes) -> Blocks:
    """Return the blocks of a PNG; those with the proper chunk before those in raw profiles."""
    xmp, exif = b"", b""
    profiles: dict[bytes, bytes] = {}
    texts: dict[str, str] = {}
    budget = MAX_INFLATED
    for name, start, end in _chunks(data):
        if name == b"eXIf":
            exif = exif or data[start:end]
        elif name in TEXTS:
            key, content = _text(name, data[start:end], budget)
            budget -= len(content)
            if key == XMP:
                xmp = xmp or content
            elif found := PROFILE.fullmatch(key):
                profiles.setdefault(found[1], _profile(content))
            else:
                encoding = "utf-8" if name == b"iTXt" else "latin-1"
                texts.setdefault(
                    key.decode("latin-1"), content[:40_000].decode(encoding, "replace")
                )
    app1 = profiles.get(b"APP1", b"")
    raw_exif = profiles.get(b"exif") or (app1 if app1.startswith(APP1_EXIF) else b"")
    raw_xmp = profiles.get(b"xmp") or (app1 if app1.startswith(APP1_XMP) else b"")
    iptc = profiles.get(b"iptc", b"")
    return Blocks(
        tuple(filter(None, (xmp, raw_xmp.removeprefix(APP1_XMP)))),
        exif or raw_exif.removeprefix(APP1_EXIF),
        iptc if parse_resources(iptc) else b"",
        b"" if parse_resources(iptc) else iptc,
        texts,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the content of each chunk."""
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            return
        size, name = struct.unpack_from(">I4s", data, at)
        end = at + 8 + size
        if end + 4 > len(data):
            return
        yield name, at + 8, end
        at = end + 4


def _text(name: bytes, content: bytes, budget: int) -> tuple[bytes, bytes]:
    """Return keyword and text of a text chunk; the text is empty, where it cannot be inflated."""
    key, _, rest = content.partition(b"\0")
    packed = name == b"zTXt"
    if packed:
        rest = rest[1:]
    elif name == b"iTXt" and len(rest) >= 2:
        packed = rest[0] == 1
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return key, _inflate(rest, budget) if packed else rest[: max(budget, 0)]


def _inflate(data: bytes, budget: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, max(budget, 1))
    except zlib.error:
        return b""


def _profile(text: bytes) -> bytes:
    """Return the bytes of a raw profile: a name, a length, and hexadecimal digits in lines."""
    parts = text.strip().split(b"\n", 2)
    try:
        return binascii.unhexlify(b"".join(parts[2].split())) if len(parts) == 3 else b""
    except binascii.Error:
        return b""


def replace_chunks(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """Return the file with `change(form, block)` in place of its EXIF and XMP blocks.

    Texts beyond MAX_INFLATED bytes in all are left out.
    """
    parts, at, budget = [], 0, MAX_INFLATED
    for name, start, end in _chunks(data):
        if name in TEXTS:
            budget -= len(_text(name, data[start:end], budget)[1])
        new = _changed(name, data[start:end], change) if budget > 0 else b""
        if new is not None and (name in TEXTS or name == b"eXIf"):
            parts += [data[at : start - 8], new]
            at = end + 4
    return b"".join([*parts, data[at:]]) if parts else data


def _changed(name: bytes, content: bytes, change: Callable[[str, bytes], bytes]) -> bytes | None:
    """Return the chunk that replaces another; None: it stays."""
    if name == b"eXIf":
        new = change("exif", content)
        return _chunk(name, new) if new != content else None
    if name not in TEXTS:
        return None
    key, text = _text(name, content, MAX_INFLATED)
    if key == XMP:
        new = change("xmp", text)
        return _chunk(b"iTXt", XMP + bytes(5) + new) if new != text else None
    if found := PROFILE.fullmatch(key):
        block = _profile(text)
        head = (
            APP1_EXIF
            if block.startswith(APP1_EXIF)
            else APP1_XMP
            if block.startswith(APP1_XMP)
            else b""
        )
        form = "exif" if head == APP1_EXIF or found[1] == b"exif" else "xmp"
        new = head + change(form, block[len(head) :])
        if found[1] == b"iptc" or new == block:
            return None
        raw = b"\n%s\n%8d\n%s\n" % (found[1], len(new), new.hex().encode())
        return _chunk(b"zTXt", key + b"\0\0" + zlib.compress(raw))
    return None


def embed(data: bytes, *, xmp: bytes, exif: bytes) -> bytes:
    """Return the file with these blocks in place of its own."""
    new = _chunk(b"eXIf", exif) if exif else b""
    new += _chunk(b"iTXt", XMP + bytes(5) + xmp) if xmp else b""
    parts, at = [data[: len(SIGNATURE)]], len(SIGNATURE)
    for name, start, end in _chunks(data):
        if name == b"IDAT" and new:
            parts.append(new)
            new = b""
        key = data[start : start + len(XMP) + 1] if name in TEXTS else b""
        if name != b"eXIf" and key != XMP + b"\0":
            parts.append(data[at : end + 4])
        at = end + 4
    return b"".join([*parts, data[at:]])


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )
