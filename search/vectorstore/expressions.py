"""Milvus filter expressions from typed values; the only module that builds them.

Milvus Lite has no filter templates, so literals are written out. Strings escape exactly backslash,
double quote, newline, tab and carriage return, which Milvus Lite 3 and Milvus 2.3+ read alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from django.conf import settings

from search.vectorstore.schema import FIELDS, number_columns, word_of, words_column

ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"})
NOTHING = "id < 0"  # matches no row, since ids are positive; on Milvus Lite and on the server

Value = str | int | float


def literal(value: Value) -> str:
    """Return the value as a literal. Raises TypeError, and ValueError if it is not finite."""
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
    """Match rows whose `field` is one of the values; no row without values."""
    listed = ", ".join(literal(value) for value in values)
    return f"{field} in [{listed}]" if listed else NOTHING


def none_of(field: str, values: Iterable[Value]) -> str:
    """Match rows whose `field` is none of the values; "", which matches all, without values."""
    listed = ", ".join(literal(value) for value in values)
    return f"{field} not in [{listed}]" if listed else ""


def at_least(field: str, value: int | float) -> str:
    return f"{field} >= {literal(value)}"


def at_most(field: str, value: int | float) -> str:
    return f"{field} <= {literal(value)}"


def contains(field: str, value: Value) -> str:
    """Match rows whose list `field` contains the value."""
    return contains_any(field, [value])


def contains_any(field: str, values: Iterable[Value]) -> str:
    """Match rows whose list `field` contains at least one of the values; no row without values."""
    values = list(values)
    literals = [literal(value) for value in values]  # validates the values
    if not values:
        return NOTHING
    if FIELDS[field].type == "INT64":
        return any_of(one_of(column, values) for column in number_columns(field))
    if settings.MILVUS_URI:
        return f"array_contains_any({field}, [{', '.join(literals)}])"
    words = (word_of(str(value)) for value in values)
    return any_of(f'{words_column(field)} like "% {one} %"' for one in words)


def contains_none(field: str, values: Iterable[Value]) -> str:
    """Match rows whose list `field` contains none of the values; all rows without values."""
    return f"not ({contains_any(field, values)})"


def any_of(expressions: Iterable[str]) -> str:
    """Join expressions with "or"; without any, match no row."""
    return " or ".join(f"({expression})" for expression in expressions) or NOTHING


def all_of(expressions: Iterable[str]) -> str:
    """Join expressions with "and", skipping empty ones; "", which filters nothing, without any."""
    return " and ".join(f"({expression})" for expression in expressions if expression)
