"""The vector spaces that are kept: which one is active, their encoders, and whose vectors belong
in them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import connection

from search.models import VectorSpace

logger = logging.getLogger(__name__)


# ------------------------------------------------------------------------ whose vectors


# FOR KEY SHARE: a space cannot be dropped until we have committed. Written as one statement because
# it runs in every upload.
ENROL = """
INSERT INTO search_embedding
       (asset_id, space_id, state, reason, version, attempts, checksum, updated_at)
SELECT asset.id, space.id, 'pending', '', 0, 0, '', now()
FROM assetbank_asset AS asset CROSS JOIN search_vectorspace AS space
WHERE {chosen} AND NOT EXISTS (
    SELECT FROM search_embedding AS there
    WHERE there.asset_id = asset.id AND there.space_id = space.id)
FOR KEY SHARE OF space
ON CONFLICT DO NOTHING
"""


def enrol(space: VectorSpace) -> int:
    """Every asset waits in this space that has no row in it yet; returns how many."""
    return _enrol("space.id = %s", space.pk)


def enrol_assets(assets: Sequence[int]) -> int:
    """These wait in every space in which they have no row yet."""
    return _enrol("asset.id = ANY(%s)", list(assets))


def _enrol(chosen: str, value: int | list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(ENROL.format(chosen=chosen), [value])
        return int(cursor.rowcount)
