"""Questions to assets: `find` for pages and API alike."""

from __future__ import annotations

import base64
import json

from search.errors import InvalidQuery

NO_SUCH_PAGE = "This page does not exist: the cursor is invalid. Search again."


# ------------------------------------------------------------------------ cursors


def _cursor(*values: object) -> str:
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, *types: type | object) -> list:  # type: ignore[type-arg]
    """The values behind a cursor; a page's address may have been tampered with."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.urlsafe_b64decode(padded))
        if len(values) != len(types):
            raise ValueError(cursor)
        return [kind(value) for kind, value in zip(types, values, strict=True)]  # type: ignore[operator]
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidQuery(NO_SUCH_PAGE) from error
