"""Cleaning of text that users type."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable

from assetbank.errors import InvalidAsset

MAX_TAGS, MAX_TAG_LENGTH = 64, 50
MAX_ID = 2**63 - 1  # maximum of a bigint
MAX_IDS = 1_000  # maximum number of fields that Django accepts in a form


def clean_text(text: str) -> str:
    """Return NFC-normalised text without control characters; PostgreSQL rejects NUL."""
    composed = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    return "".join(c for c in composed if c in "\n\t" or unicodedata.category(c) != "Cc").strip()


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Return the tags with single spaces, without empty ones and duplicates (ignoring case).

    Raises InvalidAsset for more than MAX_TAGS tags, or one longer than MAX_TAG_LENGTH.
    """
    names: dict[str, str] = {}
    for name in (" ".join(clean_text(tag).split()) for tag in tags):
        names.setdefault(name.upper().lower(), name)  # search ignores case
    names.pop("", None)
    if too_long := [name for name in names.values() if len(name) > MAX_TAG_LENGTH]:
        raise InvalidAsset(
            f"A tag has more than {MAX_TAG_LENGTH} characters: “{too_long[0][:60]}…”. Shorten it."
        )
    if len(names) > MAX_TAGS:
        raise InvalidAsset(f"An asset can have at most {MAX_TAGS} tags. Remove some.")
    return list(names.values())


def parse_id(text: str) -> int | None:
    """Return the id in `text`, 0 to MAX_ID; None if it is invalid.

    Only ASCII digits are valid: Python's `int` accepts those of other scripts.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))):
        return None
    number = int(text)
    return number if number <= MAX_ID else None


def parse_ids(texts: Iterable[str], *, limit: int = MAX_IDS) -> list[int]:
    """Return the ids in the first `limit` of `texts`: each once, in order, without invalid ones.

    A caller that must refuse invalid ids compares the lengths.
    """
    ids = map(parse_id, itertools.islice(texts, limit))
    return list(dict.fromkeys(pk for pk in ids if pk is not None))
