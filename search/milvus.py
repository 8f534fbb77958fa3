"""The vector index: the only file that knows pymilvus. One code path for Milvus Lite (its embedded
server), Milvus and Zilliz Cloud.

Milvus holds what Postgres already knows, behind an alias, so that a whole collection can be built
beside the one that serves and put in its place at once. The functions on rows take the name of a
collection; without one they mean the alias. Every call has a deadline: without one, pymilvus waits
for ever on a server that hangs.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np
from django.conf import settings

from assetbank.embedded import EmbeddedError
from assetbank.embedded import milvus as embedded
from search.fields import FIELDS, NEVER, NOBODY, SCHEMA, Scalars, fitted
from search.models import Vector

if TYPE_CHECKING:
    from pymilvus import MilvusClient

__all__ = ["FIELDS", "NEVER", "NOBODY", "SCHEMA", "Scalars", "fitted"]

logger = logging.getLogger(__name__)
T = TypeVar("T")

CONNECT_SECONDS, READ_SECONDS, LOAD_SECONDS, WRITE_SECONDS = 3.0, 5.0, 10.0, 60.0
BREAKER_SECONDS = 2.0  # after a failure, calls fail at once for this long instead of queueing up
MOST_HITS = 16_384  # the server's limit of one search
PAGE = 1_000

# What servers answer to rows and filters that they will not have, each by its own version: Milvus
# Lite, Milvus since 2.3, and Milvus for whatever has no number of its own
REFUSALS = {6, *range(1100, 1200), 65_535}
RELEASED = {101, 103}  # not loaded, or not yet in full


class MilvusDown(Exception):
    """Milvus cannot be reached or cannot serve now; the message is a sentence."""


class MilvusRefuses(MilvusDown):
    """It is there and will not have these rows, or this filter: asking again does not help."""


class Row(NamedTuple):
    id: int
    vector: Vector
    scalars: Scalars


class Hit(NamedTuple):
    id: int
    score: float  # inner product: the cosine, -1 to 1, if the question was of unit length


_lock = threading.Lock()
_client: tuple[int, str, MilvusClient] | None = None  # process id, address, client
_broken_until = 0.0


def alias() -> str:
    return str(settings.MILVUS_PREFIX)


def ping() -> str:
    """The server's version. Raises MilvusDown."""
    return _call(lambda client: str(client.get_server_version(timeout=READ_SECONDS)))


# ------------------------------------------------------------------------ collections


def create(collection: str, dimension: int) -> None:
    """An empty, loaded collection; one of that name is dropped first."""

    def run(client: MilvusClient) -> None:
        client.drop_collection(collection, timeout=WRITE_SECONDS)
        client.create_collection(
            collection,
            schema=_schema(dimension),
            index_params=_index(),
            consistency_level="Session",
            timeout=WRITE_SECONDS,
        )

    _call(run)


def exists(collection: str) -> bool:
    return _call(lambda client: bool(client.has_collection(collection, timeout=READ_SECONDS)))


def point_alias(collection: str) -> None:
    """From now on `alias()` is this collection, at once for every reader."""

    def run(client: MilvusClient) -> None:
        client.load_collection(collection, timeout=WRITE_SECONDS)  # before anybody asks it
        if collection_behind_alias():
            client.alter_alias(collection, alias(), timeout=WRITE_SECONDS)
        else:
            client.create_alias(collection, alias(), timeout=WRITE_SECONDS)

    _call(run)


def collection_behind_alias() -> str:
    """The empty string when there is none."""

    def run(client: MilvusClient) -> str:
        if not client.has_collection(alias(), timeout=READ_SECONDS):
            return ""
        described = client.describe_collection(alias(), timeout=READ_SECONDS)
        return str(described["collection_name"])

    return _call(run)


def drop(collection: str) -> None:
    """With its alias, if it has one; nothing happens if it is not there."""

    def run(client: MilvusClient) -> None:
        if collection == collection_behind_alias():
            client.drop_alias(alias(), timeout=WRITE_SECONDS)  # or a server refuses to drop it
        client.drop_collection(collection, timeout=WRITE_SECONDS)

    _call(run)


def drop_others(keep: Collection[str]) -> None:
    """Drop the collections of this library that are not to be kept."""
    kept = {keep} if isinstance(keep, str) else set(keep)
    names = _call(lambda client: list(client.list_collections(timeout=READ_SECONDS)))
    for name in names:
        if name.startswith(f"{alias()}_") and name not in kept:
            drop(name)


# ------------------------------------------------------------------------ rows


def upsert(rows: Sequence[Row], *, collection: str = "") -> None:
    """Put rows in, replacing those of the same ids. Idempotent. Raises MilvusRefuses if it will not
    have one of them: which one, only trying them one by one tells."""
    data = _data(rows)
    if data:
        _on(collection, lambda client, name: client.upsert(name, data, timeout=WRITE_SECONDS))


def delete(ids: Sequence[int], *, collection: str = "") -> None:
    if ids:
        _on(
            collection,
            lambda client, name: client.delete(name, ids=list(ids), timeout=WRITE_SECONDS),
        )


def settle(collection: str = "") -> None:
    """Milvus Lite searches rows that are not flushed very slowly; a server flushes by itself."""
    if not settings.MILVUS_URI:
        _on(collection, lambda client, name: client.flush(name, timeout=WRITE_SECONDS))


def search(vector: Vector, *, limit: int, where: str, collection: str = "") -> list[Hit]:
    """The nearest rows among those that match the expression `where`, best first. Exact. The
    vector may be of any length but zero."""

    def run(client: MilvusClient, name: str) -> list[Hit]:
        found = client.search(
            name,
            data=[vector],
            anns_field="embedding",
            limit=min(limit, MOST_HITS),
            filter=where,
            output_fields=["id"],  # Milvus Lite reads whole rows from its files otherwise
            search_params={"metric_type": "IP"},
            timeout=READ_SECONDS,
        )
        return [Hit(int(hit["id"]), float(hit["distance"])) for hit in found[0]]

    return _on(collection, run)


def fetch(ids: Sequence[int], *, collection: str = "") -> dict[int, Scalars]:
    """The scalars that Milvus holds of these ids."""
    return {int(row["id"]): _scalars(row) for row in _get(ids, list(FIELDS), collection)}


def vectors(ids: Sequence[int], *, collection: str = "") -> dict[int, Vector]:
    """The vectors that Milvus holds of these ids."""
    return {
        int(row["id"]): np.asarray(row["embedding"], np.float32)
        for row in _get(ids, ["embedding"], collection)
    }


def count(*, collection: str = "") -> int:
    def run(client: MilvusClient, name: str) -> int:
        rows = client.query(name, filter="", output_fields=["count(*)"], timeout=READ_SECONDS)
        return int(rows[0]["count(*)"])

    return _on(collection, run)


def stream_ids(top: int, *, collection: str = "") -> Iterator[list[int]]:
    """All ids, a window of PAGE at a time up to `top`, then those above it. Portable: query results
    come in no order, and iterators differ by server."""
    windows = [f"id >= {low} and id < {low + PAGE}" for low in range(0, top + 1, PAGE)]
    beyond = f"id >= {len(windows) * PAGE}"
    for where in [*windows, beyond]:

        def run(client: MilvusClient, name: str, where: str = where) -> list[int]:
            rows = client.query(
                name, filter=where, output_fields=["id"], limit=PAGE, timeout=WRITE_SECONDS
            )
            return sorted(int(row["id"]) for row in rows)

        if ids := _on(collection, run):
            yield ids


def _data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    for row in rows:
        if not np.isfinite(row.vector).all():  # Milvus Lite would take it
            raise MilvusRefuses(f"The vector of asset {row.id} is not finite.")
    return [{"id": row.id, "embedding": row.vector, **fitted(row.scalars)} for row in rows]


def _get(ids: Sequence[int], fields: list[str], collection: str) -> list[dict[str, Any]]:
    def run(client: MilvusClient, name: str) -> list[dict[str, Any]]:
        return list(
            client.get(name, ids=list(ids), output_fields=["id", *fields], timeout=READ_SECONDS)
        )

    return _on(collection, run) if ids else []


def _scalars(row: dict[str, Any]) -> Scalars:
    values = {name: list(row[name]) if FIELDS[name].items else row[name] for name in FIELDS}
    return cast(Scalars, values)


# ------------------------------------------------------------------------ schema and index


def _schema(dimension: int) -> Any:
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=dimension)
    for name, field in FIELDS.items():
        kind = DataType[field.type]
        limits = {"max_length": field.bytes} if field.bytes else {}
        if field.items:
            limits["max_capacity"] = field.items
            schema.add_field(name, DataType.ARRAY, element_type=kind, **limits)
        else:
            schema.add_field(name, kind, **limits)
    return schema


def _index() -> Any:
    """FLAT looks at every row that passes the filter. Graphs and clusters are quicker without a
    filter, and lose most neighbours behind a narrow one. Inner product is the cosine of unit
    vectors, and cheaper."""
    from pymilvus import MilvusClient

    index = MilvusClient.prepare_index_params()
    index.add_index("embedding", index_type="FLAT", metric_type="IP")
    return index


# ------------------------------------------------------------------------ the connection


def _on(collection: str, run: Callable[[MilvusClient, str], T]) -> T:
    """Run on a collection, or on the alias. A restarted server has released its collections: one
    that is not loaded is loaded, and asked again."""
    from pymilvus.exceptions import MilvusException

    name = collection or alias()

    def run_loaded(client: MilvusClient) -> T:
        try:
            return run(client, name)
        except MilvusException as error:
            if error.code not in RELEASED:
                raise
        client.load_collection(name, timeout=LOAD_SECONDS)
        return run(client, name)

    return _call(run_loaded)


def _call(run: Callable[[MilvusClient], T]) -> T:
    """Run with this process's client; every failure becomes MilvusDown with a sentence."""
    global _broken_until
    import grpc
    from pymilvus.exceptions import MilvusException

    if time.monotonic() < _broken_until:
        raise MilvusDown("The vector index (Milvus) does not answer.")
    try:
        return run(_connected())
    except EmbeddedError as error:
        raise MilvusDown(str(error)) from error
    except (MilvusException, grpc.RpcError, OSError) as error:
        text = (str(getattr(error, "message", "") or error).splitlines() or [""])[0][:200]
        if _is_down(error):
            _forget_client()
            _broken_until = time.monotonic() + BREAKER_SECONDS
            logger.warning("Milvus does not answer: %s", text)
            raise MilvusDown("The vector index (Milvus) does not answer.") from error
        kind = MilvusRefuses if _is_refusal(error) else MilvusDown
        raise kind(f"The vector index (Milvus) refuses: {text}.") from error


def _is_refusal(error: Exception) -> bool:
    """The server, or pymilvus in its place, understood and will not have it."""
    import grpc
    from pymilvus.exceptions import DataNotMatchException, MilvusException, ParamError

    if isinstance(error, MilvusException):
        never_sent = isinstance(error, DataNotMatchException | ParamError)
        return never_sent or error.code in REFUSALS
    too_large = grpc.StatusCode.RESOURCE_EXHAUSTED
    return isinstance(error, grpc.RpcError) and error.code() == too_large


def _is_down(error: Exception) -> bool:
    """No answer, or one that says nothing but that it is unwell; a number from the server that
    means something is neither."""
    from pymilvus.exceptions import MilvusException

    says_nothing = {1, 2}  # unexpected error, failed to connect
    if _is_refusal(error):
        return False
    # gRPC's own codes are no numbers
    return not (
        isinstance(error, MilvusException)
        and isinstance(error.code, int)
        and error.code not in says_nothing
    )


def _connected() -> MilvusClient:
    """Made at first use and once per process: gRPC does not survive a fork."""
    global _client
    with _lock:
        if _client and _client[0] == os.getpid() and _client[1] == settings.MILVUS_URI:
            return _client[2]
        from pymilvus import MilvusClient

        uri = settings.MILVUS_URI or embedded.ensure_running(settings.DATA_DIR / "milvus")
        client = MilvusClient(
            uri,
            token=settings.MILVUS_TOKEN,
            timeout=CONNECT_SECONDS,
            dedicated=True,
            # without these, clients go on failing for seconds after the server is back
            grpc_options={
                "grpc.initial_reconnect_backoff_ms": 100,
                "grpc.min_reconnect_backoff_ms": 100,
                "grpc.max_reconnect_backoff_ms": 1000,
                # pymilvus pings every 10 s; servers take that for an attack and hang up
                "grpc.keepalive_time_ms": 600_000,
            },
        )
        _client = (os.getpid(), settings.MILVUS_URI, client)
        return client


def _forget_client() -> None:
    global _client
    with _lock:
        _client = None


def reset() -> None:
    """Forget connection and breaker, as a new process would."""
    global _broken_until
    _forget_client()
    _broken_until = 0.0
