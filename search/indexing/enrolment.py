"""Enrolment of assets in vector spaces: one pending embedding per asset and space."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import connection

from search.models import VectorSpace

logger = logging.getLogger(__name__)


# FOR KEY SHARE: no space can be dropped before this transaction commits. A single statement,
# because it runs in every upload.
ENROL = """
INSERT INTO search_embedding
       (asset_id, space_id, state, reason, version, attempts, checksum, updated_at)
SELECT asset.id, space.id, 'pending', '', 0, 0, '', now()
FROM assetbank_asset AS asset CROSS JOIN search_vectorspace AS space
WHERE {condition} AND asset.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM search_embedding AS existing
    WHERE existing.asset_id = asset.id AND existing.space_id = space.id)
FOR KEY SHARE OF space
ON CONFLICT DO NOTHING
"""


def enrol(space: VectorSpace) -> int:
    """Add a pending embedding for every asset that has none in this space; return how many.

    Assets in the trash get theirs when they are restored.
    """
    return _enrol("space.id = %s", space.pk)


def enrol_assets(assets: Sequence[int]) -> int:
    """Add pending embeddings of these asset ids in every space where they have none.

    Returns how many were added.
    """
    return _enrol("asset.id = ANY(%s)", list(assets))


def _enrol(condition: str, value: int | list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(ENROL.format(condition=condition), [value])
        return int(cursor.rowcount)
