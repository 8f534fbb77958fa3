"""What Milvus holds of an asset beside its vector: what can be filtered on, within what limits, and
in which columns. No column is ever null: nulls find nothing on older servers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypedDict, cast

NEVER = 253_402_300_799  # the end of the year 9999
NOBODY = 0  # as `created_by`


class Scalars(TypedDict):
    brand_id: int
    kind: str
    origin: str
    status: str
    orientation: str
    aspect_ratio: float
    width: int
    height: int
    created: int  # seconds since 1970
    expires: int  # seconds since 1970; NEVER when it does not
    created_by: int  # id of the user; NOBODY when unknown
    tags: list[str]  # lower case
    colours: list[int]  # dominant ones, as the numbers that `assetbank.colours` gives them
    engine_model: str
    preset: str
    prompt: str
    storage_path: str


class Field(NamedTuple):
    type: Literal["INT64", "DOUBLE", "VARCHAR"]
    bytes: int = 0  # the longest text, in UTF-8: servers count bytes, Milvus Lite characters
    items: int = 0  # the longest list; 0: one value


NUMBER, WORD = Field("INT64"), Field("VARCHAR", bytes=32)
FIELDS = {
    "brand_id": NUMBER,
    "kind": WORD,
    "origin": WORD,
    "status": WORD,
    "orientation": WORD,
    "aspect_ratio": Field("DOUBLE"),
    "width": NUMBER,
    "height": NUMBER,
    "created": NUMBER,
    "expires": NUMBER,
    "created_by": NUMBER,
    "tags": Field("VARCHAR", bytes=400, items=1_000),
    "colours": Field("INT64", items=5),
    "engine_model": Field("VARCHAR", bytes=400),
    "preset": Field("VARCHAR", bytes=400),
    "prompt": Field("VARCHAR", bytes=60_000),
    "storage_path": Field("VARCHAR", bytes=1_200),
}
EMPTY = -1  # where a list of numbers ends


def number_columns(name: str) -> list[str]:
    """A list of numbers has a column for each, which any server looks through quickly."""
    return [f"{name}_{n}" for n in range(1, FIELDS[name].items + 1)]


def words_column(name: str) -> str:
    """A list of texts is an array, and here once more as words. Milvus Lite looks into arrays row
    by row in Python: 0.35 s for 10,000 rows, against 0.002 s for words. Older servers know no such
    pattern, and are quick with arrays."""
    return f"{name}_words"


def word(text: str) -> str:
    """Stands for a text among words: of one length, and without signs that a pattern minds."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _columns(name: str, field: Field) -> dict[str, Field]:
    if not field.items:
        return {name: field}
    if field.type == "INT64":
        return dict.fromkeys(number_columns(name), NUMBER)
    return {name: field, words_column(name): Field("VARCHAR", bytes=17 * field.items + 2)}


COLUMNS = {column: kind for name in FIELDS for column, kind in _columns(name, FIELDS[name]).items()}

# In the names of collections, so that one with other columns is never taken for ours
SCHEMA = hashlib.sha256(repr(sorted(COLUMNS.items())).encode()).hexdigest()[:6]


def fitted(scalars: Scalars) -> Scalars:
    """The same, cut to the limits: what Milvus would refuse never gets there."""
    return cast(Scalars, {name: _fit(FIELDS[name], value) for name, value in scalars.items()})


def to_columns(scalars: Scalars) -> dict[str, object]:
    columns: dict[str, object] = {}
    for name, value in fitted(scalars).items():
        if not isinstance(value, list):
            columns[name] = value
        elif FIELDS[name].type == "INT64":
            padded = [*value, *[EMPTY] * FIELDS[name].items]
            columns |= zip(number_columns(name), padded, strict=False)
        else:
            columns[name] = value
            columns[words_column(name)] = f" {' '.join(map(word, value))} "
    return columns


def from_columns(columns: Mapping[str, Any]) -> Scalars:
    scalars: dict[str, object] = {}
    for name, field in FIELDS.items():
        if field.items and field.type == "INT64":
            values = (columns[column] for column in number_columns(name))
            scalars[name] = [value for value in values if value != EMPTY]
        else:
            scalars[name] = list(columns[name]) if field.items else columns[name]
    return cast(Scalars, scalars)


def _fit(field: Field, value: object) -> object:
    if isinstance(value, str):
        return cut(value, field.bytes)
    if isinstance(value, list):
        return [_fit(field, item) for item in value[: field.items]]
    return value


def cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, and no half character."""
    return text if len(text) * 4 <= most else text.encode()[:most].decode(errors="ignore")
