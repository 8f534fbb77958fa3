"""Subject fidelity: is a reference recognisable in the output that was generated from it?

Measured with the bundled encoder on drawings whose references are next to each other, as large as
their number allows: RECOGNITION_THRESHOLD reports 0 to 2 % of references that are present as unused
if there are up to three of them, and 11 % if there are four; it reports 90 to 94 % of products that
are absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from PIL import Image

from generation.models import Reference, Role
from search.errors import SearchUnavailable
from search.query import match_regions

# Roles of references that give a look or a place, and no object to recognise
EXEMPT = (Role.STYLE, Role.BACKGROUND)
RECOGNITION_THRESHOLD = -2.5  # log-odds


def checked_references(rows: Iterable[Reference]) -> list[Reference]:
    """Return the references that can be checked: neither deleted nor in the trash, not replaced
    since by another file, whose vector is there instead, and not of an EXEMPT role."""
    present = (row for row in rows if row.asset and not row.asset.in_trash)
    return [row for row in present if row.role not in EXEMPT and not row.replaced_since]


def unused_references(
    picture: Image.Image, rows: Sequence[Reference]
) -> Iterator[tuple[Reference, float]]:
    """Yield the references that are not recognisable in the RGB `picture`, each with the log-odds
    that it is there. Raises SearchUnavailable if a reference has no vector."""
    found = match_regions(picture, [row.asset_id for row in rows if row.asset_id])
    for row in rows:
        odds = found.get(row.asset_id or 0)
        if odds is None:
            raise SearchUnavailable(f"Reference {row.position + 1} has no vector to compare with.")
        if odds < RECOGNITION_THRESHOLD:
            yield row, odds
