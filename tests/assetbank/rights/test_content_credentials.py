"""Content Credentials in a file are read and explained, and nothing is fetched."""

from __future__ import annotations

import random
import socket
import struct
import zlib
from collections.abc import Callable

import pytest

from assetbank.assets import downloads
from assetbank.models import Asset
from assetbank.rights import content_credentials
from tests.conftest import picture_bytes
from tests.support.credentials import signed

MakeAsset = Callable[..., Asset]


@pytest.fixture(scope="module")
def picture() -> bytes:
    return signed(picture_bytes())


def test_who_signed_and_what_was_done_is_told(make_asset: MakeAsset, picture: bytes) -> None:
    asset = make_asset(file=picture)
    found = downloads.read_credentials(asset)
    assert found
    assert (found.state, found.said) == ("valid", "Signed, and unchanged since.")
    assert (found.signer, found.issuer) == ("Acme Camera Test", "Acme Signing")
    assert found.made_with == "Acme Painter 1.0"
    assert [(each.said, each.source_type) for each in found.actions] == [
        ("Created", "trainedAlgorithmicMedia")
    ]
    assert asset.digital_source_type == "trainedAlgorithmicMedia"  # so it gets the AI label


def test_a_file_that_was_changed_after_signing_is_not_believed(picture: bytes) -> None:
    at = picture.rindex(b"IDAT") + 8
    changed = picture[:at] + bytes([picture[at] ^ 1]) + picture[at + 1 :]
    found = content_credentials.parse_credentials(changed, "image/png")
    assert found
    assert found.state == "changed"
    assert found.source_types == []


def test_a_picture_without_any_has_none(make_asset: MakeAsset) -> None:
    assert downloads.read_credentials(make_asset()) is None
    assert content_credentials.parse_credentials(picture_bytes() + b"c2pa", "image/png") is None


def test_credentials_elsewhere_are_named_and_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/credentials.c2pa"
        found = content_credentials.parse_credentials(
            signed(picture_bytes(), remote=address), "image/png"
        )
        with pytest.raises(TimeoutError):
            server.accept()
    assert found
    assert (found.state, found.address) == ("elsewhere", address)


def test_no_damage_to_a_file_raises(picture: bytes) -> None:
    chance = random.Random(7)
    start = picture.index(b"jumb")
    for _ in range(200):
        damaged = bytearray(picture)
        for _ in range(chance.randint(1, 20)):
            damaged[chance.randrange(start, len(damaged))] = chance.randrange(256)
        read = content_credentials.parse_credentials(
            bytes(damaged[: chance.randint(start, len(damaged))]), "image/png"
        )
        assert read is None or read.state in content_credentials.STATES


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


@pytest.mark.parametrize("depth", [10, 100_000])
def test_boxes_within_boxes_are_refused(depth: int) -> None:
    """With 100,000 levels, a recursive parser would exhaust its stack."""
    kind = bytes.fromhex("63327061001100108000 00aa00389b71")
    described = box(b"jumd", kind + b"\x03c2pa\0")
    inside = 8 + len(described)
    boxes = (struct.pack(">I", inside * n) + b"jumb" + described for n in range(depth, 0, -1))
    chunk = b"caBX" + b"".join(boxes)
    plain = picture_bytes()
    packed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    found = content_credentials.parse_credentials(plain[:33] + packed + plain[33:], "image/png")
    assert found
    assert found.state == "unreadable"
