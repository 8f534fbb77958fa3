"""Messages between a process and its decoders: JSON, and raw bytes behind it.

A decoder may have been taken over by the file that it decodes. So nothing that it sends is
unpickled: lengths are bounded before anything is read, and a value is built only as the declared
type says.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import math
import struct
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

HEAD = struct.Struct("!IQ")  # bytes of the JSON text, and of the raw bytes behind it
MAX_TEXT = 4 * 2**20  # bytes of the JSON text
WORD = 2**63  # bound of integers: what a column of the database holds


class WireError(Exception):
    """A message is malformed, too long, or not of the declared type."""


def pack(value: object) -> list[bytes]:
    """Return a message as pieces to send one after another.

    `value` consists of None, bool, int, float, str, bytes, aware datetimes, lists, tuples, mappings
    with text as keys, and dataclasses.
    """
    raw: list[bytes] = []
    text = json.dumps(_plain(value, raw), separators=(",", ":")).encode()
    return [HEAD.pack(len(text), sum(map(len, raw))) + text, *raw]


def unpack_head(head: bytes, *, max_raw: int) -> tuple[int, int]:
    """Return the lengths of the text and of the raw bytes. Raises WireError if they are too big."""
    text, raw = HEAD.unpack(head)
    if text > MAX_TEXT or raw > max_raw:
        raise WireError(f"{text} + {raw} bytes are more than allowed")
    return text, raw


def unpack(kind: Any, text: bytes, raw: bytes | bytearray) -> Any:
    """Return the value of a message, which is of type `kind`. Raises WireError if it is not."""
    source = memoryview(raw)
    try:
        value = _value(kind, json.loads(text), _Taker(source))
    except (ValueError, RecursionError) as error:  # not JSON, or nested too deeply
        raise WireError(f"{error}") from None
    return value


def _plain(value: object, raw: list[bytes]) -> object:
    """Return the value as JSON knows it: bytes as their length, dataclasses as lists."""
    if isinstance(value, bytes):
        raw.append(value)
        return len(value)
    if dataclasses.is_dataclass(value):
        return [_plain(getattr(value, each.name), raw) for each in dataclasses.fields(value)]
    if isinstance(value, (list, tuple)):
        return [_plain(each, raw) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each, raw) for name, each in value.items()}
    return value.isoformat() if isinstance(value, datetime.datetime) else value


class _Taker:
    """Takes raw bytes from a message, piece by piece."""

    def __init__(self, source: memoryview) -> None:
        self.source, self.position = source, 0

    def take(self, length: object) -> bytes:
        end = self.position + _number(length)
        if not self.position <= end <= len(self.source):
            raise WireError("more bytes are announced than sent")
        piece = bytes(self.source[self.position : end])
        self.position = end
        return piece


def _value(kind: Any, node: object, raw: _Taker) -> Any:
    """Return `node`, as `json.loads` returned it, as a value of type `kind`."""
    if kind is bytes:
        return raw.take(node)
    if kind is int:
        return _number(node)
    if kind is float:
        return _real(node)
    if kind is datetime.datetime:
        return _moment(node)
    if kind in (str, bool, types.NoneType):
        return _exactly(kind, node)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        nodes = _list(node, len(hints))
        return kind(
            *(_value(hint, each, raw) for hint, each in zip(hints.values(), nodes, strict=True))
        )
    build = BUILDERS.get(typing.get_origin(kind))
    if build is None:
        raise TypeError(f"{kind} cannot be sent")
    return build(typing.get_args(kind), node, raw)


def _number(node: object) -> int:
    if type(node) is not int or not -WORD <= node < WORD:
        raise WireError("not an integer of 64 bits")
    return node


def _real(node: object) -> float:
    if type(node) not in (int, float) or not math.isfinite(node):  # type: ignore[arg-type]
        raise WireError("not a finite number")
    return float(node)  # type: ignore[arg-type]


def _moment(node: object) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(str(_exactly(str, node)))
    if moment.tzinfo is None:
        raise WireError("not a time with its offset")
    return moment


def _exactly(kind: type, node: object) -> object:
    if type(node) is not kind:
        raise WireError(f"not {kind.__name__}")
    return node


def _list(node: object, length: int | None = None) -> list[Any]:
    if not isinstance(node, list) or length not in (None, len(node)):
        raise WireError("not a list of the expected length")
    return node


def _tuple(kinds: tuple[Any, ...], node: object, raw: _Taker) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_value(kinds[0], each, raw) for each in _list(node))
    nodes = _list(node, len(kinds))
    return tuple(_value(kind, each, raw) for kind, each in zip(kinds, nodes, strict=True))


def _dict(kinds: tuple[Any, ...], node: object, raw: _Taker) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise WireError("not an object")
    return {name: _value(kinds[1], each, raw) for name, each in node.items()}


def _optional(kinds: tuple[Any, ...], node: object, raw: _Taker) -> Any:
    (kind,) = (each for each in kinds if each is not types.NoneType)
    return None if node is None else _value(kind, node, raw)


BUILDERS: dict[Any, Callable[[tuple[Any, ...], object, _Taker], Any]] = {
    tuple: _tuple,
    dict: _dict,
    Mapping: _dict,
    types.UnionType: _optional,
    typing.Union: _optional,
}


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields, by name, in their order."""
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind)}
