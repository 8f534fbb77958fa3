"""The vector index: the only package that knows pymilvus. One code path for Milvus Lite (its
embedded server), Milvus and Zilliz Cloud.

Milvus holds what Postgres already knows, behind an alias, so that a whole collection can be built
beside the one that serves and put in its place at once. The functions on rows take the name of a
collection; without one they mean the alias. Every call has a deadline: without one, pymilvus waits
for ever on a server that hangs.
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
from search.vectorstore.schema import (
    COLUMNS,
    Scalars,
    from_columns,
    to_columns,
)

if TYPE_CHECKING:
    from pymilvus import MilvusClient

# Reads are Strong: they see all that was written before, by whichever process. Searches are not
# made to wait for that on a server; they see what their own process wrote.
MAX_HITS = 16_384  # the server's limit of one search
PAGE = 1_000
OF_A_SPACE = re.compile(r"_[0-9a-f]{16}_[0-9a-f]{6}_[0-9]+$")  # as `filling` names collections


class Row(NamedTuple):
    id: int
    vector: Vector
    scalars: Scalars


class Hit(NamedTuple):
    id: int
    score: float  # inner product: the cosine, -1 to 1, if the question was of unit length


def ping() -> str:
    """The server's version. Raises MilvusDown."""
    return execute(lambda client: str(client.get_server_version(timeout=READ_SECONDS)))


# ------------------------------------------------------------------------ collections


def create(collection: str, dimension: int) -> None:
    """An empty, loaded collection; one of that name is dropped first."""

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
    """From now on `alias()` is this collection, at once for every reader."""

    execute(lambda client: client.load_collection(collection, timeout=WRITE_SECONDS))
    count(collection=collection)  # waits until all that was written can be read

    def run(client: MilvusClient) -> None:
        if collection_behind_alias():
            client.alter_alias(collection, alias(), timeout=WRITE_SECONDS)
        else:
            client.create_alias(collection, alias(), timeout=WRITE_SECONDS)

    execute(run)


def collection_behind_alias() -> str:
    """The empty string when there is none."""

    def run(client: MilvusClient) -> str:
        if not client.has_collection(alias(), timeout=READ_SECONDS):
            return ""
        described = client.describe_collection(alias(), timeout=READ_SECONDS)
        return str(described["collection_name"])

    return execute(run)


def drop(collection: str) -> None:
    """With its alias, if it has one; nothing happens if it is not there."""

    def run(client: MilvusClient) -> None:
        if collection == collection_behind_alias():
            client.drop_alias(alias(), timeout=WRITE_SECONDS)  # or a server refuses to drop it
        client.drop_collection(collection, timeout=WRITE_SECONDS)

    execute(run)


def drop_others(keep: Collection[str]) -> None:
    """Drop the collections of this library that are not to be kept. Another library on the same
    server may have a prefix that begins like this one's."""
    kept = {keep} if isinstance(keep, str) else set(keep)
    names = execute(lambda client: list(client.list_collections(timeout=READ_SECONDS)))
    for name in names:
        whose = OF_A_SPACE.sub("", name)
        if name.startswith(f"{alias()}_") and whose in (name, alias()) and name not in kept:
            drop(name)


# ------------------------------------------------------------------------ rows


def upsert(rows: Sequence[Row], *, collection: str = "") -> None:
    """Put rows in, replacing those of the same ids. Idempotent. Raises MilvusRefuses if it will not
    have one of them: which one, only trying them one by one tells."""
    data = as_data(rows)
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
    """Milvus Lite searches rows that are not flushed very slowly; a server flushes by itself."""
    if not settings.MILVUS_URI:
        execute_on(collection, lambda client, name: client.flush(name, timeout=WRITE_SECONDS))


def search(vector: Vector, *, limit: int, where: str, collection: str = "") -> list[Hit]:
    """The nearest rows among those that match the expression `where`, best first. Exact. The
    vector may be of any length but zero."""

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
    """The scalars that Milvus holds of these ids."""
    return {int(row["id"]): from_columns(row) for row in _get(ids, list(COLUMNS), collection)}


def vectors(ids: Sequence[int], *, collection: str = "") -> dict[int, Vector]:
    """The vectors that Milvus holds of these ids."""
    return {
        int(row["id"]): np.asarray(row["embedding"], np.float32)
        for row in _get(ids, ["embedding"], collection)
    }


def count(*, collection: str = "") -> int:
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
    """All ids, a window of PAGE at a time up to `top`, then those above it. Portable: query results
    come in no order, and iterators differ by server."""
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


def as_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """As pymilvus takes them. Raises MilvusRefuses."""
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
    """Every row that passes the filter is looked at, so no neighbour is ever missed. Graphs and
    clusters are quicker without a filter, and lose most neighbours behind a narrow one. Inner
    product is the cosine of unit vectors, and cheaper."""
    from pymilvus import MilvusClient

    index = MilvusClient.prepare_index_params()
    if settings.MILVUS_URI:
        index.add_index("embedding", index_type="FLAT", metric_type="IP")
    else:
        # Milvus Lite copies all vectors for each search of a FLAT index. One single cluster is as
        # exact, and three times as quick. It reads parameters from a field of that name only
        one = {"params": {"nlist": 1}}
        index.add_index("embedding", index_type="IVF_FLAT", metric_type="IP", params=one)
    return index
