"""Reads Gemini's JSON leniently: a field may be missing or null, and has two spellings."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

Json = dict[str, Any]


def loads(text: str | bytes) -> Any:
    """Return parsed JSON without what PostgreSQL cannot store: NUL, lone surrogates, and the
    constants NaN and Infinity. Raises ValueError."""
    return storable(json.loads(text, parse_constant=lambda name: None))


def storable(value: Any) -> Any:
    """Return a JSON value whose strings PostgreSQL can store."""
    if isinstance(value, dict):
        return {storable(name): storable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, str):
        value = value.replace("\0", "")
        # Images are long base64 strings: the check for ASCII saves encoding them
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    return value


def get_field(holder: Json, name: str) -> Any:
    """Return the value of a JSON object's field with that camel case name, also if it is spelt in
    snake case; None without it."""
    if name in holder:
        return holder[name]
    return holder.get(re.sub(r"([A-Z])", r"_\1", name).lower())


def dict_of(value: Any) -> Json:
    """Return the value if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


def dicts(value: Any) -> list[Json]:
    """Return the dicts of a list; [] if the value is not a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def decode_base64(encoded: str) -> bytes | None:
    """Decode standard or URL-safe base64, padded or not; return None if it is neither."""
    standard = re.sub(r"\s", "", encoded).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error:
        return None
