"""Gemini's JSON, read leniently: anything may be missing or null, and is spelt in two ways."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

Json = dict[str, Any]


def loads(text: str | bytes) -> Any:
    """Without what JSON has and Postgres has not, since all of it is kept there: NUL, half a
    surrogate, and numbers that are none. Raises ValueError."""
    return storable(json.loads(text, parse_constant=lambda name: None))


def storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {storable(name): storable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, str):
        value = value.replace("\0", "")
        # pictures are long, and plain letters
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    return value


def either(holder: Json, name: str) -> Any:
    """A field by its name in camel case or in snake case."""
    if name in holder:
        return holder[name]
    return holder.get(re.sub(r"([A-Z])", r"_\1", name).lower())


def dict_of(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def dicts(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def decoded(encoded: str) -> bytes | None:
    """From standard or URL-safe base64, padded or not; None where it is neither."""
    standard = re.sub(r"\s", "", encoded).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error:
        return None
