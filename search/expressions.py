"""Milvus filter expressions from typed values: the one place where such strings are put together.

Milvus Lite has no filter templates, so literals are written out. Strings escape exactly backslash,
double quote, newline, tab and carriage return, which Milvus Lite 3 and Milvus 2.3+ read alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"})
NOTHING = "id < 0"  # keys are positive: matches no row, on Milvus Lite and on the server

Value = str | int | float


def literal(value: Value) -> str:
    if isinstance(value, str):
        return f'"{value.translate(ESCAPES)}"'
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"fields are text or numbers, not {type(value).__name__}")
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return repr(value)


def equals(field: str, value: Value) -> str:
    return f"{field} == {literal(value)}"


def differs(field: str, value: Value) -> str:
    return f"{field} != {literal(value)}"


def one_of(field: str, values: Iterable[Value]) -> str:
    listed = ", ".join(literal(value) for value in values)
    return f"{field} in [{listed}]" if listed else NOTHING


def at_least(field: str, value: int | float) -> str:
    return f"{field} >= {literal(value)}"


def at_most(field: str, value: int | float) -> str:
    return f"{field} <= {literal(value)}"


def contains(field: str, value: Value) -> str:
    """`field` is an array."""
    return f"array_contains({field}, {literal(value)})"


def all_of(expressions: Iterable[str]) -> str:
    """The empty string, which filters nothing, when there are none."""
    return " and ".join(f"({expression})" for expression in expressions)
