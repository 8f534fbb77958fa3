"""What an asset was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from assetbank import permissions
from assetbank.models import Asset
from generation import permissions as visible
from generation.models import Generation

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


# ------------------------------------------------------------------------ the tree

MAX_DEPTH, MAX_WIDTH, MAX_NODES = (
    4,
    8,
    80,
)  # of a tree: levels each way, branches of one picture, all together

ANOTHER_BRAND = "An asset of another brand"
NOT_YOURS = "An asset that you cannot access yet"
DELETED = "A deleted asset"


@dataclass
class Node:
    """A picture in a tree, and what is beyond it. `asset` is None where it was deleted or is not
    the person's to see; `title` says which. `how` it has to do with its neighbour towards the
    middle: reference, refined or final."""

    how: str
    role: str
    asset: Asset | None = None
    title: str = ""
    generation: Generation | None = None  # that made the later one of the two; None: not to be seen
    branches: list[Node] = field(default_factory=list)
    more: int = 0  # branches that are not shown
    repeated: bool = False  # its branches are shown elsewhere in the tree


@dataclass(frozen=True)
class Tree:
    asset: Asset
    made_from: Node
    made_with: Node


def lineage_tree(
    asset: Asset,
    person: permissions.AnyUser,
    *,
    depth: int = MAX_DEPTH,
    width: int = MAX_WIDTH,
    most: int = MAX_NODES,
) -> Tree:
    """What an asset was made from, and what was made with it, as far as `person` may see it.

    A number of queries that does not depend on how much there is.
    """
    up = _Side(asset, _UP)
    down = _Side(asset, _DOWN)
    for side in (up, down):
        side.grow(depth, width, most // 2)
    _fill([up, down], person)
    return Tree(asset, up.root, down.root)


# A picture is known by its asset's id, or by minus its output's id where the asset was deleted;
# a reference that was deleted, and was not made here, by nothing: it is a leaf.
_GIVEN = """
given(thing, asset_id, output_id, checksum) AS (
    SELECT id, id, NULL::bigint, ''::varchar FROM unnest(%(assets)s::bigint[]) AS id
    UNION ALL
    SELECT -id, NULL, id, checksum FROM generation_output WHERE id = ANY(%(outputs)s)
), came(thing, output_id, generation_id) AS (
    SELECT given.thing, made.id, made.generation_id
      FROM given JOIN generation_output made ON made.asset_id = given.asset_id
    UNION ALL
    SELECT given.thing, made.id, made.generation_id
      FROM given JOIN generation_output made ON made.id = given.output_id
)"""

# One level: (from, to, how, role, generation, title of what was deleted), a reference last
_UP = """
    SELECT came.thing AS here, coalesce(used.asset_id, -made.id) AS there, 'reference' AS how,
           used.role, used.generation_id, used.title, used.position AS place
      FROM came
      JOIN generation_reference used ON used.generation_id = came.generation_id
      LEFT JOIN LATERAL (
          SELECT id FROM generation_output
           WHERE used.asset_id IS NULL AND asset_id IS NULL AND checksum = used.checksum
             AND checksum <> ''
           ORDER BY id LIMIT 1) made ON true
    UNION ALL
    SELECT came.thing, coalesce(before.asset_id, -before.id), 'refined', '', asked.id, '', 0
      FROM came
      JOIN generation_generation asked ON asked.id = came.generation_id
      JOIN generation_output before ON before.id = asked.refines_id
    UNION ALL
    SELECT came.thing, coalesce(before.asset_id, -before.id), 'final', '', asked.id, '', 0
      FROM came
      JOIN generation_generation asked ON asked.id = came.generation_id
      JOIN generation_output before ON before.id = asked.draft_id
"""
_DOWN = """
    SELECT asked.here, coalesce(made.asset_id, -made.id) AS there, asked.how, asked.role,
           asked.generation_id, '' AS title, 0 AS place
      FROM (
        SELECT given.thing AS here, 'reference' AS how, used.role, used.generation_id
          FROM given JOIN generation_reference used ON used.asset_id = given.asset_id
        UNION ALL
        SELECT given.thing, 'reference', used.role, used.generation_id
          FROM given
          JOIN generation_reference used
            ON given.asset_id IS NULL AND used.asset_id IS NULL AND given.checksum <> ''
           AND used.checksum = given.checksum
        UNION ALL
        SELECT came.thing, 'refined', '', asked.id
          FROM came JOIN generation_generation asked ON asked.refines_id = came.output_id
        UNION ALL
        SELECT came.thing, 'final', '', asked.id
          FROM came JOIN generation_generation asked ON asked.draft_id = came.output_id
      ) asked
      JOIN generation_output made ON made.generation_id = asked.generation_id
     WHERE made.asset_id IS NOT NULL OR (made.data IS NULL AND made.problem = '')
"""
_LEVEL = """
WITH {given}, step AS ({step}), once AS (
    SELECT DISTINCT ON (here, there, coalesce(there::text, title)) *
      FROM step WHERE there IS DISTINCT FROM here
     ORDER BY here, there, coalesce(there::text, title), how = 'reference', generation_id DESC
), numbered AS (
    SELECT once.*, count(*) OVER (PARTITION BY here) AS together,
           row_number() OVER (PARTITION BY here ORDER BY how = 'reference', generation_id DESC,
                                                         place, there DESC) AS number
      FROM once
)
SELECT here, there, how, role, generation_id, title, together FROM numbered
 WHERE number <= %(width)s ORDER BY here, number
"""


class _Side:
    """One direction of a tree while it grows, level by level."""

    def __init__(self, asset: Asset, step: str) -> None:
        self.root = Node(how="", role="", asset=asset, title=asset.title)
        self.things: list[tuple[Node, int | None, int]] = []  # with its thing and generation
        self._sql = _LEVEL.format(given=_GIVEN, step=step)
        self._start = asset.pk

    def grow(self, depth: int, width: int, most: int) -> None:
        level = {self._start: self.root}
        for number in range(depth + 1):
            if not level:
                return
            beyond = number == depth or len(self.things) >= most
            level = self._next(level, width, most, beyond=beyond)

    def _next(
        self, level: dict[int, Node], width: int, most: int, *, beyond: bool
    ) -> dict[int, Node]:
        """The next level; `beyond` the last one it is only counted."""
        following: dict[int, Node] = {}
        seen = {thing for _, thing, _ in self.things} | {self._start}
        for here, there, how, role, generation, title, together in self._rows(
            level, 1 if beyond else width
        ):
            node = level[here]
            node.more = together - len(node.branches)
            if beyond or len(self.things) >= most:
                continue
            branch = Node(how=how, role=role, title=title)
            node.branches.append(branch)
            node.more -= 1
            self.things.append((branch, there, generation))
            if there in seen:
                branch.repeated = there is not None
            elif there is not None:
                seen.add(there)
                following[there] = branch
        return following

    def _rows(self, level: Iterable[int], width: int) -> list[tuple[Any, ...]]:
        given: dict[str, list[int] | int] = {
            "assets": [thing for thing in level if thing > 0],
            "outputs": [-thing for thing in level if thing < 0],
            "width": width,
        }
        with connection.cursor() as cursor:
            cursor.execute(self._sql, given)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def _fill(sides: Iterable[_Side], person: permissions.AnyUser) -> None:
    """The assets and generations that the person may see; names for the others."""
    rows = [row for side in sides for row in side.things]
    wanted = {thing for _, thing, _ in rows if thing and thing > 0}
    assets = permissions.assets(person).in_bulk(wanted)
    hidden = dict(Asset.objects.filter(pk__in=wanted - assets.keys()).values_list("pk", "brand"))
    brands = set(permissions.brands(person).values_list("pk", flat=True))
    asked = visible.generations(person).filter(pk__in={pk for _, _, pk in rows})
    generations = asked.select_related("created_by").in_bulk()
    for node, thing, generation in rows:
        node.generation = generations.get(generation)
        node.asset = assets.get(thing or 0)
        if node.asset:
            node.title = node.asset.title
        elif thing in hidden:
            node.title = NOT_YOURS if hidden[thing] in brands else ANOTHER_BRAND
        else:
            node.title = f"{node.title}: deleted" if node.title else DELETED
