"""What people type, made fit to be kept."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable
from pathlib import PurePath

from assetbank.errors import InvalidAsset

MAX_TAGS, MAX_TAG_LENGTH = 64, 50
MAX_ID = 2**63 - 1  # of a bigint
MAX_IDS = 1_000  # as many fields as Django takes of one form


def clean_text(text: str) -> str:
    """Composed Unicode without control characters (PostgreSQL takes no NUL)."""
    composed = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    return "".join(c for c in composed if c in "\n\t" or unicodedata.category(c) != "Cc").strip()


def clean_tags(tags: Iterable[str]) -> list[str]:
    names: dict[str, str] = {}
    for name in (" ".join(clean_text(tag).split()) for tag in tags):
        names.setdefault(name.upper().lower(), name)  # capitals make no difference to search
    names.pop("", None)
    if too_long := [name for name in names.values() if len(name) > MAX_TAG_LENGTH]:
        raise InvalidAsset(f"A tag has at most {MAX_TAG_LENGTH} characters: “{too_long[0][:60]}…”.")
    if len(names) > MAX_TAGS:
        raise InvalidAsset(f"An asset has at most {MAX_TAGS} tags.")
    return list(names.values())


def parse_id(text: str) -> int | None:
    """Return the id that is written in `text`; None if that is not one, or no bigint. Digits are
    0 to 9: Python and browsers know others."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))):
        return None
    number = int(text)
    return number if number <= MAX_ID else None


def parse_ids(texts: Iterable[str], *, limit: int = MAX_IDS) -> list[int]:
    """Return the ids that are written in the first `limit` of `texts`: each once, in their order,
    without what is not one. Who refuses that compares the numbers."""
    ids = map(parse_id, itertools.islice(texts, limit))
    return list(dict.fromkeys(pk for pk in ids if pk is not None))


def title_of(filename: str) -> str:
    stem = PurePath(filename).stem.replace("_", " ").replace("-", " ")
    return " ".join(stem.split())[:200] or "Untitled"
