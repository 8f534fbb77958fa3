"""Page cursors: a few values as URL-safe base64 of JSON."""

from __future__ import annotations

import base64
import json

from search.errors import InvalidQuery

NO_SUCH_PAGE = "This page does not exist: the cursor is invalid. Search again."


def encode_cursor(*values: object) -> str:
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type | object) -> list:  # type: ignore[type-arg]
    """Return the values of a cursor, converted by `types`. Raises InvalidQuery: the cursor comes
    from a URL, which may have been tampered with."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.urlsafe_b64decode(padded))
        if len(values) != len(types):
            raise ValueError(cursor)
        return [kind(value) for kind, value in zip(types, values, strict=True)]  # type: ignore[operator]
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidQuery(NO_SUCH_PAGE) from error
