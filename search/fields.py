"""What Milvus holds of an asset beside its vector: what can be filtered on, and within what limits.

No field is ever null: nulls find nothing on older servers.
"""

from __future__ import annotations

import hashlib
from typing import Literal, NamedTuple, TypedDict, cast

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
    "colours": Field("INT64", items=8),
    "engine_model": Field("VARCHAR", bytes=400),
    "preset": Field("VARCHAR", bytes=400),
    "prompt": Field("VARCHAR", bytes=60_000),
    "storage_path": Field("VARCHAR", bytes=1_200),
}

# In the names of collections, so that one with other fields is never taken for ours
SCHEMA = hashlib.sha256(repr(sorted(FIELDS.items())).encode()).hexdigest()[:6]


def fitted(scalars: Scalars) -> Scalars:
    """The same, cut to the limits: what Milvus would refuse never gets there."""
    return cast(Scalars, {name: _fit(FIELDS[name], value) for name, value in scalars.items()})


def _fit(field: Field, value: object) -> object:
    if isinstance(value, str):
        return cut(value, field.bytes)
    if isinstance(value, list):
        return [_fit(field, item) for item in value[: field.items]]
    return value


def cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, and no half character."""
    return text if len(text) * 4 <= most else text.encode()[:most].decode(errors="ignore")
