"""Operations on the vector index: one code path for Milvus Lite, Milvus and Zilliz Cloud.

Milvus holds what Postgres already knows, behind an alias, so that a new collection can be built
while the old one serves, and replace it at once. Functions on rows take the name of a collection,
and without one use the alias. Every call has a deadline: without one, pymilvus waits forever on a
server that hangs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from django.conf import settings

from search.models import Vector
from search.vectorstore.connection import (
    READ_SECONDS,
    WRITE_SECONDS,
    VectorStoreRejected,
    alias,
    execute,
    execute_on,
)
from search.vectorstore.schema import COLUMNS, Scalars, from_columns, to_columns

if TYPE_CHECKING:
    from pymilvus import MilvusClient

# Reads use the consistency level Strong: they see all earlier writes of all processes. Searches do
# not wait for that on a server; they see the writes of their own process.
MAX_HITS = 16_384  # the server's maximum per search
PAGE = 1_000  # ids per query
COLLECTION_SUFFIX = re.compile(r"_[0-9a-f]{16}_[0-9a-f]{6}_[0-9]+$")  # see `indexing.collections`


class Row(NamedTuple):
    id: int
    vector: Vector
    scalars: Scalars


class Hit(NamedTuple):
    id: int
    score: float  # inner product; the cosine, -1 to 1, if the query vector has unit length


def ping() -> str:
    """Return the server's version. Raises VectorStoreUnavailable."""
    return execute(lambda client: str(client.get_server_version(timeout=READ_SECONDS)))


# ------------------------------------------------------------------------ collections


def create(collection: str, dimension: int) -> None:
    """Create an empty, loaded collection, dropping an existing one of that name."""

    def run(client: MilvusClient) -> None:
        client.drop_collection(collection, timeout=WRITE_SECONDS)
        client.create_collection(
            collection,
            schema=_schema(dimension),
            consistency_level="Session",
            timeout=WRITE_SECONDS,
        )
        # pymilvus would sleep half a second before it asks whether the index of nothing is built
        client.create_index(collection, _index(), timeout=WRITE_SECONDS, sync=False)
        client.load_collection(collection, timeout=WRITE_SECONDS)

    execute(run)


def exists(collection: str) -> bool:
    return execute(lambda client: bool(client.has_collection(collection, timeout=READ_SECONDS)))


def point_alias(collection: str) -> None:
    """Point the alias to the collection, at once for every reader."""

    execute(lambda client: client.load_collection(collection, timeout=WRITE_SECONDS))
    count(collection=collection)  # waits until all writes can be read

    def run(client: MilvusClient) -> None:
        if collection_behind_alias():
            client.alter_alias(collection, alias(), timeout=WRITE_SECONDS)
        else:
            client.create_alias(collection, alias(), timeout=WRITE_SECONDS)

    execute(run)


def collection_behind_alias() -> str:
    """Return the name of the active collection; "" if there is none."""

    def run(client: MilvusClient) -> str:
        if not client.has_collection(alias(), timeout=READ_SECONDS):
            return ""
        described = client.describe_collection(alias(), timeout=READ_SECONDS)
        return str(described["collection_name"])

    return execute(run)


def drop(collection: str) -> None:
    """Drop the collection and its alias, if it has one; do nothing if it does not exist."""

    def run(client: MilvusClient) -> None:
        if collection == collection_behind_alias():
            client.drop_alias(alias(), timeout=WRITE_SECONDS)  # or a server rejects the drop
        client.drop_collection(collection, timeout=WRITE_SECONDS)

    execute(run)


def drop_others(keep: Collection[str]) -> None:
    """Drop the collections of this library except those in `keep`.

    Another library on the same server may have a prefix that begins with this one's.
    """
    kept_names = {keep} if isinstance(keep, str) else set(keep)
    names = execute(lambda client: list(client.list_collections(timeout=READ_SECONDS)))
    for name in names:
        prefix = COLLECTION_SUFFIX.sub("", name)
        if name.startswith(f"{alias()}_") and prefix in (name, alias()) and name not in kept_names:
            drop(name)


# ------------------------------------------------------------------------ rows


def upsert(rows: Sequence[Row], *, collection: str = "") -> None:
    """Insert rows, replacing existing ones with the same ids. Idempotent.

    Raises VectorStoreRejected if Milvus rejects a row; only upserting them one by one tells which.
    """
    data = to_entities(rows)
    if data:
        execute_on(
            collection, lambda client, name: client.upsert(name, data, timeout=WRITE_SECONDS)
        )


def delete(ids: Sequence[int], *, collection: str = "") -> None:
    if ids:
        execute_on(
            collection,
            lambda client, name: client.delete(name, ids=list(ids), timeout=WRITE_SECONDS),
        )


def flush(collection: str = "") -> None:
    """Flush the rows of an embedded collection; a server flushes by itself.

    Milvus Lite searches rows that are not flushed very slowly.
    """
    if not settings.MILVUS_URI:
        execute_on(collection, lambda client, name: client.flush(name, timeout=WRITE_SECONDS))


def search(vector: Vector, *, limit: int, where: str, collection: str = "") -> list[Hit]:
    """Return the nearest rows that match the expression `where`, best first.

    Exact. At most MAX_HITS; `vector` may have any length but zero.
    """

    def run(client: MilvusClient, name: str) -> list[Hit]:
        found = client.search(
            name,
            data=[vector],
            anns_field="embedding",
            limit=min(limit, MAX_HITS),
            filter=where,
            output_fields=["id"],  # Milvus Lite reads whole rows from its files otherwise
            search_params={"metric_type": "IP"},
            timeout=READ_SECONDS,
        )
        return [Hit(int(hit["id"]), float(hit["distance"])) for hit in found[0]]

    return execute_on(collection, run)


def fetch(ids: Sequence[int], *, collection: str = "") -> dict[int, Scalars]:
    """Return, by id, the scalars that Milvus holds of these rows; missing rows are left out."""
    return {int(row["id"]): from_columns(row) for row in _get(ids, list(COLUMNS), collection)}


def vectors(ids: Sequence[int], *, collection: str = "") -> dict[int, Vector]:
    """Return, by id, the vectors that Milvus holds of these rows; missing rows are left out."""
    return {
        int(row["id"]): np.asarray(row["embedding"], np.float32)
        for row in _get(ids, ["embedding"], collection)
    }


def count(*, collection: str = "") -> int:
    """Return the number of rows, including those just written by other processes."""

    def run(client: MilvusClient, name: str) -> int:
        rows = client.query(
            name,
            filter="",
            output_fields=["count(*)"],
            consistency_level="Strong",
            timeout=READ_SECONDS,
        )
        return int(rows[0]["count(*)"])

    return execute_on(collection, run)


def iter_ids(top: int, *, collection: str = "") -> Iterator[list[int]]:
    """Yield all ids, a window of PAGE ids at a time up to `top`, then those above it.

    Portable: query results are unordered, and iterators differ by server.
    """
    windows = [f"id >= {low} and id < {low + PAGE}" for low in range(0, top + 1, PAGE)]
    beyond = f"id >= {len(windows) * PAGE}"
    for where in [*windows, beyond]:

        def run(client: MilvusClient, name: str, where: str = where) -> list[int]:
            rows = client.query(
                name,
                filter=where,
                output_fields=["id"],
                limit=PAGE,
                consistency_level="Strong",
                timeout=WRITE_SECONDS,
            )
            return sorted(int(row["id"]) for row in rows)

        if ids := execute_on(collection, run):
            yield ids


def to_entities(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows as pymilvus takes them. Raises VectorStoreRejected for a vector not finite."""
    for row in rows:
        if not np.isfinite(row.vector).all():  # Milvus Lite would take it
            raise VectorStoreRejected(f"The vector of asset {row.id} is not finite.")
    return [{"id": row.id, "embedding": row.vector, **to_columns(row.scalars)} for row in rows]


def _get(ids: Sequence[int], fields: list[str], collection: str) -> list[dict[str, Any]]:
    def run(client: MilvusClient, name: str) -> list[dict[str, Any]]:
        return list(
            client.get(
                name,
                ids=list(ids),
                output_fields=["id", *fields],
                consistency_level="Strong",
                timeout=READ_SECONDS,
            )
        )

    return execute_on(collection, run) if ids else []


# ------------------------------------------------------------------------ schema and index


def _schema(dimension: int) -> Any:
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=dimension)
    for name, field in COLUMNS.items():
        kind = DataType[field.type]
        limits = {"max_length": field.bytes} if field.bytes else {}
        if field.items:
            limits["max_capacity"] = field.items
            schema.add_field(name, DataType.ARRAY, element_type=kind, **limits)
        else:
            schema.add_field(name, kind, **limits)
    return schema


def _index() -> Any:
    """Return the index parameters for an exact search by inner product.

    Every row that passes the filter is compared, so no neighbour is missed. Graphs and clusters are
    quicker without a filter, but lose most neighbours with a narrow one. The inner product is the
    cosine of unit vectors, and cheaper.
    """
    from pymilvus import MilvusClient

    index = MilvusClient.prepare_index_params()
    if settings.MILVUS_URI:
        index.add_index("embedding", index_type="FLAT", metric_type="IP")
    else:
        # Milvus Lite copies all vectors for each search of a FLAT index. A single cluster is as
        # exact, and three times as quick. It reads parameters only under the key "params"
        single_cluster = {"params": {"nlist": 1}}
        index.add_index("embedding", index_type="IVF_FLAT", metric_type="IP", params=single_cluster)
    return index
