"""Graph of generated assets: from sources to descendants, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from assetbank import permissions
from assetbank.models import Asset
from generation.models import Generation
from generation.permissions import generations

# From a generation to those that used, refined or finalised its outputs. An output that was deleted
# in the meantime is still found by its checksum where it had been a reference.
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
# UNION, not UNION ALL: a generation is visited once, so that a cycle ends
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
  JOIN assetbank_asset asset ON asset.id = made.asset_id
 WHERE asset.deleted_at IS NULL OR %(in_trash)s
"""  # noqa: S608  # assembled from the constants above


def descendants(asset_ids: Iterable[int], *, in_trash: bool = True) -> set[int]:
    """Return the ids of all assets generated from these, directly or over several steps, in any
    brand: with one of them as a reference, by refining one, or as the final of a draft.

    The given ids are not among them. What is shown to users leaves out those that are in the trash.
    """
    sources = set(asset_ids)
    with connection.cursor() as cursor:
        cursor.execute(_DESCENDANTS, {"assets": list(sources), "in_trash": in_trash})
        return {pk for (pk,) in cursor.fetchall()} - sources


# ------------------------------------------------------------------------ the tree

MAX_DEPTH = 4  # Levels in each direction
MAX_WIDTH = 8  # Branches of a node
MAX_NODES = 80  # Nodes of a whole tree

ANOTHER_BRAND = "An asset of another brand"
NOT_VISIBLE = "An asset that you cannot access yet"
IN_TRASH = "An asset in the trash"
DELETED = "A deleted asset"


@dataclass
class Node:
    """An asset in a tree, and its branches.

    `asset` is None if it was deleted or the user may not view it; `title` then states which. `how`
    is its relation to the node nearer to the root: "reference", "refined" or "final".
    """

    how: str
    role: str
    asset: Asset | None = None
    title: str = ""
    # The generation between the two nodes; None if the user may not view it
    generation: Generation | None = None
    branches: list[Node] = field(default_factory=list)
    more: int = 0  # branches that are not shown
    repeated: bool = False  # its branches are shown elsewhere in the tree


@dataclass(frozen=True)
class Tree:
    """Sources (`made_from`) and descendants (`made_with`) of an asset, with the asset as root."""

    asset: Asset
    made_from: Node
    made_with: Node


def lineage_tree(
    asset: Asset,
    person: permissions.AnyUser,
    *,
    depth: int = MAX_DEPTH,
    width: int = MAX_WIDTH,
    max_nodes: int = MAX_NODES,
) -> Tree:
    """Return the sources and descendants of an asset, as far as `person` may view them.

    The number of queries does not depend on the number of nodes.
    """
    up = _Side(asset, _UP)
    down = _Side(asset, _DOWN)
    for side in (up, down):
        side.grow(depth, width, max_nodes // 2)
    _fill([up, down], person)
    return Tree(asset, up.root, down.root)


# A node's key is its asset's id, or minus its output's id if the asset was deleted. A deleted
# reference that was not generated here has no key (NULL): it is a leaf.
_GIVEN = """
given(key, asset_id, output_id, checksum) AS (
    SELECT id, id, NULL::bigint, ''::varchar FROM unnest(%(assets)s::bigint[]) AS id
    UNION ALL
    SELECT -id, NULL, id, checksum FROM generation_output WHERE id = ANY(%(outputs)s)
), outputs(key, output_id, generation_id) AS (
    SELECT given.key, made.id, made.generation_id
      FROM given JOIN generation_output made ON made.asset_id = given.asset_id
    UNION ALL
    SELECT given.key, made.id, made.generation_id
      FROM given JOIN generation_output made ON made.id = given.output_id
)"""

# Edges of one level: (key, neighbour's key, how, role, generation, title of a deleted reference).
# References come last.
_UP = """
    SELECT outputs.key AS near, coalesce(used.asset_id, -made.id) AS far, 'reference' AS how,
           used.role, used.generation_id, used.title, used.position AS ordinal
      FROM outputs
      JOIN generation_reference used ON used.generation_id = outputs.generation_id
      LEFT JOIN LATERAL (
          SELECT id FROM generation_output
           WHERE used.asset_id IS NULL AND asset_id IS NULL AND checksum = used.checksum
             AND checksum <> ''
           ORDER BY id LIMIT 1) made ON true
    UNION ALL
    SELECT outputs.key, coalesce(earlier.asset_id, -earlier.id), 'refined', '', request.id, '', 0
      FROM outputs
      JOIN generation_generation request ON request.id = outputs.generation_id
      JOIN generation_output earlier ON earlier.id = request.refines_id
    UNION ALL
    SELECT outputs.key, coalesce(earlier.asset_id, -earlier.id), 'final', '', request.id, '', 0
      FROM outputs
      JOIN generation_generation request ON request.id = outputs.generation_id
      JOIN generation_output earlier ON earlier.id = request.draft_id
"""
_DOWN = """
    SELECT request.near, coalesce(made.asset_id, -made.id) AS far, request.how, request.role,
           request.generation_id, '' AS title, 0 AS ordinal
      FROM (
        SELECT given.key AS near, 'reference' AS how, used.role, used.generation_id
          FROM given JOIN generation_reference used ON used.asset_id = given.asset_id
        UNION ALL
        SELECT given.key, 'reference', used.role, used.generation_id
          FROM given
          JOIN generation_reference used
            ON given.asset_id IS NULL AND used.asset_id IS NULL AND given.checksum <> ''
           AND used.checksum = given.checksum
        UNION ALL
        SELECT outputs.key, 'refined', '', request.id
          FROM outputs JOIN generation_generation request ON request.refines_id = outputs.output_id
        UNION ALL
        SELECT outputs.key, 'final', '', request.id
          FROM outputs JOIN generation_generation request ON request.draft_id = outputs.output_id
      ) request
      JOIN generation_output made ON made.generation_id = request.generation_id
     WHERE made.asset_id IS NOT NULL OR (made.data IS NULL AND made.problem = '')
"""
_LEVEL = """
WITH {given}, step AS ({step}), edges AS (
    SELECT DISTINCT ON (near, far, coalesce(far::text, title)) *
      FROM step WHERE far IS DISTINCT FROM near
     ORDER BY near, far, coalesce(far::text, title), how = 'reference', generation_id DESC
), numbered AS (
    SELECT edges.*, count(*) OVER (PARTITION BY near) AS total,
           row_number() OVER (PARTITION BY near ORDER BY how = 'reference', generation_id DESC,
                                                         ordinal, far DESC) AS number
      FROM edges
)
SELECT near, far, how, role, generation_id, title, total FROM numbered
 WHERE number <= %(width)s ORDER BY near, number
"""


class _Side:
    """One direction of a tree, built level by level."""

    def __init__(self, asset: Asset, step: str) -> None:
        self.root = Node(how="", role="", asset=asset, title=asset.display_title)
        self.nodes: list[tuple[Node, int | None, int]] = []  # with key and generation id
        self._sql = _LEVEL.format(given=_GIVEN, step=step)
        self._start = asset.pk

    def grow(self, depth: int, width: int, max_nodes: int) -> None:
        """Add up to `depth` levels to the tree, with at most `width` branches per node and about
        `max_nodes` nodes in all."""
        level = {self._start: self.root}
        for number in range(depth + 1):
            if not level:
                return
            count_only = number == depth or len(self.nodes) >= max_nodes
            level = self._next(level, width, max_nodes, count_only=count_only)

    def _next(
        self, level: dict[int, Node], width: int, max_nodes: int, *, count_only: bool
    ) -> dict[int, Node]:
        """Add the next level of the tree below the nodes of `level`, which are by key, and return
        it by key; with `count_only`, add none and only count the branches in `more`."""
        following: dict[int, Node] = {}
        seen = {key for _, key, _ in self.nodes} | {self._start}
        for near, far, how, role, generation_id, title, total in self._rows(
            level, 1 if count_only else width
        ):
            node = level[near]
            node.more = total - len(node.branches)
            if count_only or len(self.nodes) >= max_nodes:
                continue
            branch = Node(how=how, role=role, title=title)
            node.branches.append(branch)
            node.more -= 1
            self.nodes.append((branch, far, generation_id))
            if far in seen:
                branch.repeated = far is not None
            elif far is not None:
                seen.add(far)
                following[far] = branch
        return following

    def _rows(self, level: Iterable[int], width: int) -> list[tuple[Any, ...]]:
        parameters: dict[str, list[int] | int] = {
            "assets": [key for key in level if key > 0],
            "outputs": [-key for key in level if key < 0],
            "width": width,
        }
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def _fill(sides: Iterable[_Side], person: permissions.AnyUser) -> None:
    """Complete the nodes of these sides: the assets and generations that `person` may view, and for
    the others a title that says why there is none."""
    rows = [row for side in sides for row in side.nodes]
    pks = {key for _, key, _ in rows if key and key > 0}
    assets = permissions.assets(person).in_bulk(pks)
    hidden = Asset.all_objects.only("brand", "deleted_at").in_bulk(pks - assets.keys())
    brands = set(permissions.brands(person).values_list("pk", flat=True))
    made_by = generations(person).filter(pk__in={pk for _, _, pk in rows})
    visible = made_by.select_related("created_by").in_bulk()
    for node, key, generation_id in rows:
        node.generation = visible.get(generation_id)
        node.asset = assets.get(key or 0)
        if node.asset:
            node.title = node.asset.display_title
        elif key in hidden:
            node.title = _why_hidden(hidden[key], brands)
        else:
            node.title = f"{node.title}: deleted" if node.title else DELETED


def _why_hidden(asset: Asset, brands: Collection[int]) -> str:
    """Return the title of a node whose asset a user may not view who sees these brands, by id."""
    if asset.brand_id not in brands:
        return ANOTHER_BRAND
    return IN_TRASH if asset.in_trash else NOT_VISIBLE
