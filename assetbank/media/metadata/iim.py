"""IPTC-IIM datasets, and Photoshop's image resources (8BIM) that contain them in a JPEG."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from assetbank.media.metadata.values import decode

IIM_RESOURCE, DIGEST_RESOURCE = 1028, 1061
SIGNATURES = {b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"}
# Resources that describe pixels or repeat other blocks: sizes, guides, thumbnails, ICC, EXIF, XMP
OF_THE_PIXELS = {1005, 1006, 1032, 1033, 1036, 1039, 1050, 1058, 1059, 1060, 1064, 1082, 1083}
MAX_DATASETS, MAX_RESOURCES, MAX_DATASET = 5_000, 2_000, 64_000
CHARACTER_SET, UTF8 = (1, 90), b"\x1b%G"
APPLICATION = 2  # record
VERSION = b"\x00\x04"
# Datasets of the application record that are no text
BINARY = {0, 125, 200, 201, 202}


@dataclass
class Iim:
    """Datasets in the order of the file: (record, number) and bytes."""

    datasets: list[tuple[tuple[int, int], bytes]] = field(default_factory=list)

    @property
    def utf8(self) -> bool:
        return (CHARACTER_SET, UTF8) in self.datasets

    def texts(self, number: int) -> list[str]:
        """Return the values of a dataset of the application record."""
        return [self._text(value) for key, value in self.datasets if key == (APPLICATION, number)]

    def _text(self, value: bytes) -> str:
        return value.decode("utf-8", "replace") if self.utf8 else decode(value)

    def to_utf8(self) -> None:
        """Encode all texts as UTF-8, and state so."""
        if self.utf8:
            return
        others = [pair for pair in self.datasets if pair[0] != CHARACTER_SET]
        encoded = [
            (
                key,
                value if key[0] != APPLICATION or key[1] in BINARY else self._text(value).encode(),
            )
            for key, value in others
        ]
        self.datasets = [(CHARACTER_SET, UTF8), *encoded]

    def set(self, number: int, values: list[str], maximum: int) -> None:
        """Replace the values of a dataset, each cut at `maximum` bytes; none: it is removed."""
        self.to_utf8()
        key = (APPLICATION, number)
        others = [pair for pair in self.datasets if pair[0] != key]
        if not any(each == (APPLICATION, 0) for each, _ in others):
            others.append(((APPLICATION, 0), VERSION))
        new = [(key, cut(value, maximum)) for value in values]
        # Records and numbers ascend; datasets of one number keep their order
        self.datasets = sorted([*others, *new], key=lambda pair: pair[0])

    def to_bytes(self) -> bytes:
        """Return the datasets; empty, if there is nothing but the character set and the version."""
        if all(key in (CHARACTER_SET, (APPLICATION, 0)) for key, _ in self.datasets):
            return b""
        return b"".join(
            struct.pack(">BBBH", 0x1C, *key, len(value)) + value for key, value in self.datasets
        )


def cut(text: str, maximum: int) -> bytes:
    """Return the text as UTF-8 of at most `maximum` bytes, cut between characters."""
    return text.encode()[:maximum].decode("utf-8", "ignore").encode()


def parse_iim(data: bytes) -> Iim:
    """Return the datasets of an IIM block, up to the first that is damaged."""
    datasets: list[tuple[tuple[int, int], bytes]] = []
    at = 0
    while at + 5 <= len(data) and data[at] == 0x1C and len(datasets) < MAX_DATASETS:
        record, number, size = struct.unpack_from(">BBH", data, at + 1)
        at += 5
        if size & 0x8000:  # the length of the length
            width = size & 0x7FFF
            if width > 8:
                break
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        value = data[at : at + size]
        if len(value) < size:
            break
        if size <= 0x7FFF:  # larger ones are previews
            datasets.append(((record, number), value))
        at += size
    return Iim(datasets)


def parse_resources(data: bytes) -> list[tuple[int, bytes]]:
    """Return the image resources as (number, bytes)."""
    return list(_resources(data))


def _resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    for _ in range(MAX_RESOURCES):
        if data[at : at + 4] not in SIGNATURES or at + 12 > len(data):
            return
        (number,) = struct.unpack_from(">H", data, at + 4)
        name = data[at + 6] + 1
        start = at + 6 + name + name % 2
        if start + 4 > len(data):
            return
        (size,) = struct.unpack_from(">I", data, start)
        yield number, data[start + 4 : start + 4 + size]
        at = start + 4 + size + size % 2


def changed_since(resources: list[tuple[int, bytes]], iim: bytes) -> bool:
    """Return whether IIM was changed after XMP: its digest, if there is one, is another."""
    digest = dict(resources).get(DIGEST_RESOURCE, b"")
    return len(digest) == 16 and any(digest) and digest != _digest(iim)


def build_resources(resources: list[tuple[int, bytes]], iim: bytes) -> bytes:
    """Return image resources with other IIM, its digest, and without those that describe pixels."""
    new = [(IIM_RESOURCE, iim), (DIGEST_RESOURCE, _digest(iim))] if iim else []
    kept = [
        (number, value)
        for number, value in resources
        if number not in OF_THE_PIXELS | {IIM_RESOURCE, DIGEST_RESOURCE}
    ]
    return b"".join(
        b"8BIM" + struct.pack(">HHI", number, 0, len(value)) + value + b"\0" * (len(value) % 2)
        for number, value in [*new, *kept]
    )


def _digest(iim: bytes) -> bytes:
    return hashlib.md5(iim, usedforsecurity=False).digest()
