"""What an asset was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

# From a generation to those that go on from its pictures. A picture that was deleted since is
# still known by its checksum where it had been used.
_ONWARDS = """
    SELECT used.generation_id AS id FROM generation_reference used
     WHERE used.asset_id = made.asset_id
    UNION ALL
    SELECT used.generation_id FROM generation_reference used
     WHERE made.asset_id IS NULL AND used.asset_id IS NULL
       AND made.checksum <> '' AND used.checksum = made.checksum
    UNION ALL
    SELECT refining.id FROM generation_generation refining WHERE refining.refines_id = made.id
    UNION ALL
    SELECT final.id FROM generation_generation final WHERE final.draft_id = made.id
"""
# UNION, not UNION ALL: a generation is visited once, so that a circle ends
_DESCENDANTS = f"""
WITH RECURSIVE reached(id) AS (
    SELECT step.id
      FROM (SELECT id AS asset_id, checksum, NULL::bigint AS id
              FROM assetbank_asset WHERE id = ANY(%(assets)s)
            UNION ALL
            SELECT asset_id, checksum, id
              FROM generation_output WHERE asset_id = ANY(%(assets)s)) made
      CROSS JOIN LATERAL ({_ONWARDS}) step
    UNION
    SELECT step.id
      FROM reached
      JOIN generation_output made ON made.generation_id = reached.id
      CROSS JOIN LATERAL ({_ONWARDS}) step
)
SELECT DISTINCT made.asset_id
  FROM reached JOIN generation_output made ON made.generation_id = reached.id
 WHERE made.asset_id IS NOT NULL
"""  # noqa: S608  # put together from the constants above


def descendants(asset_ids: Iterable[int]) -> set[int]:
    """Ids of all assets that were made from these, at any remove, in any brand: with them as a
    reference, by refining one, or as the final of a draft. Without the given ones."""
    given = set(asset_ids)
    with connection.cursor() as cursor:
        cursor.execute(_DESCENDANTS, {"assets": list(given)})
        return {pk for (pk,) in cursor.fetchall()} - given
