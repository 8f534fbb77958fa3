"""Messages of decoders: what is sent comes out, and what is malformed is refused."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from assetbank.media.decoding import wire
from tests.conftest import picture_bytes


@dataclass(frozen=True)
class Inner:
    name: str
    raw: bytes


@dataclass(frozen=True)
class Outer:
    inner: tuple[Inner, ...]
    pair: tuple[int, float]
    named: dict[str, bytes]
    maybe: int | None
    when: datetime.datetime | None
    words: Mapping[str, tuple[str, ...]]
    sure: bool


WHEN = datetime.datetime(2019, 5, 1, 12, tzinfo=datetime.UTC)
VALUE = Outer(
    (Inner("a", b"\0\xff"), Inner("ü", b"")),
    (-(2**63), 0.5),
    {"x": b"one", "y": picture_bytes()},
    None,
    WHEN,
    {"dc:title": ("A", "B")},
    True,
)


def received(kind: Any, message: bytes) -> Any:
    size = wire.HEAD.size
    text, raw = wire.unpack_head(message[:size], max_raw=2**20)
    assert len(message) == size + text + raw
    return wire.unpack(kind, message[size : size + text], message[size + text :])


def test_a_value_comes_out_as_it_went_in() -> None:
    assert received(Outer, b"".join(wire.pack(VALUE))) == VALUE


@pytest.mark.parametrize(
    ("kind", "node"),
    [
        (int, "1"),
        (int, 1.0),
        (int, True),
        (int, 2**63),
        (float, float("nan")),
        (float, "1"),
        (str, 1),
        (str, None),
        (bool, 1),
        (bytes, -1),
        (bytes, 1),  # more than is sent
        (bytes, "x"),
        (tuple[int, ...], {"0": 1}),
        (tuple[int, int], [1]),
        (tuple[int, ...], [1, "2"]),
        (dict[str, int], [1]),
        (int | None, "x"),
        (Inner, ["a"]),
        (Inner, {"name": "a", "raw": 0}),
        (datetime.datetime, "2019-05-01T12:00:00"),
        (datetime.datetime, "yesterday"),
    ],
)
def test_what_is_not_of_the_declared_type_is_refused(kind: Any, node: object) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack(kind, json.dumps(node).encode(), b"")


@pytest.mark.parametrize("text", [b"", b"oops", b"\xff", b"[" * 100_000, b"1" * 10_000])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack(int, text, b"")


def test_lengths_are_checked_before_anything_is_read() -> None:
    for text, raw in ((wire.MAX_TEXT + 1, 0), (0, 101)):
        with pytest.raises(wire.WireError):
            wire.unpack_head(wire.HEAD.pack(text, raw), max_raw=100)
