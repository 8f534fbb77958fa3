"""Can a reference still be recognised in what was made from it? ("Subject fidelity".)

Measured on drawings whose references stand beside each other, as large as their number allows, with
the bundled encoder: of references that are there, LINE calls 0 to 2 % ignored while there are up to
three, and 11 % of four; of products that are not there, 90 to 94 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from PIL import Image

from generation.models import Reference, Role
from search.errors import SearchUnavailable
from search.query import match_regions

# What these lend is a look or a place: no object that could be recognised
EXEMPT = (Role.STYLE, Role.BACKGROUND)
RECOGNITION_THRESHOLD = -2.5  # log-odds


def checked_references(rows: Iterable[Reference]) -> list[Reference]:
    """Those that can be recognised: not deleted, and not a look or a place."""
    return [row for row in rows if row.role not in EXEMPT and row.asset_id]


def unused_references(
    picture: Image.Image, rows: Sequence[Reference]
) -> Iterator[tuple[Reference, float]]:
    """Those of `rows` that cannot be recognised in the RGB picture, with the log-odds that they
    can. Raises SearchUnavailable."""
    found = match_regions(picture, [row.asset_id for row in rows if row.asset_id])
    for row in rows:
        odds = found.get(row.asset_id or 0)
        if odds is None:
            raise SearchUnavailable(f"Reference {row.position + 1} has no vector to compare with.")
        if odds < RECOGNITION_THRESHOLD:
            yield row, odds
