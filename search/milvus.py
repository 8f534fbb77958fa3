"""The vector index: the only file that knows pymilvus. One code path for Milvus Lite (its embedded
server), Milvus and Zilliz Cloud.

Milvus holds what Postgres already knows, behind an alias, so that a whole collection can be built
beside the one that serves and put in its place at once. Every call has a deadline: without one,
pymilvus waits for ever on a server that hangs.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, TypeVar

from django.conf import settings

from assetbank.embedded import EmbeddedError
from assetbank.embedded import milvus as embedded
from search.models import Vector

if TYPE_CHECKING:
    from pymilvus import MilvusClient

logger = logging.getLogger(__name__)
T = TypeVar("T")

CONNECT_SECONDS, READ_SECONDS, WRITE_SECONDS = 3.0, 5.0, 60.0
BREAKER_SECONDS = 2.0  # after a failure, calls fail at once for this long instead of queueing up
MOST_HITS = 16_384  # the server's limit of one search
PAGE = 1_000


class MilvusDown(Exception):
    """Milvus cannot be reached, or refuses; the message is a sentence."""


class Scalars(TypedDict):
    """What can be filtered on. No field is ever null: nulls find nothing on older servers."""

    brand_id: int
    kind: str
    origin: str
    status: str
    orientation: str
    aspect_ratio: float
    width: int
    height: int
    created: int  # seconds since 1970
    expires: int  # seconds since 1970; NEVER when it does not
    tags: list[str]  # lower case
    engine_model: str
    prompt: str
    storage_path: str


class Row(NamedTuple):
    id: int
    vector: Vector
    scalars: Scalars


class Hit(NamedTuple):
    id: int
    score: float  # cosine similarity, -1 to 1


NEVER = 253_402_300_799  # the end of the year 9999
FIELDS = list(Scalars.__annotations__)

_lock = threading.Lock()
_client: tuple[int, str, MilvusClient] | None = None  # process id, address, client
_broken_until = 0.0


def alias() -> str:
    return str(settings.MILVUS_PREFIX)


def ping() -> str:
    """The server's version. Raises MilvusDown."""
    return _call(lambda client: str(client.get_server_version(timeout=READ_SECONDS)))


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


def point_alias(collection: str) -> None:
    """From now on `alias()` is this collection, at once for every reader."""

    def run(client: MilvusClient) -> None:
        if collection_behind_alias():
            client.alter_alias(collection, alias(), timeout=WRITE_SECONDS)
        else:
            client.create_alias(collection, alias(), timeout=WRITE_SECONDS)
        client.load_collection(collection, timeout=WRITE_SECONDS)

    _call(run)


def collection_behind_alias() -> str:
    """The empty string when there is none."""

    def run(client: MilvusClient) -> str:
        if not client.has_collection(alias(), timeout=READ_SECONDS):
            return ""
        described = client.describe_collection(alias(), timeout=READ_SECONDS)
        return str(described["collection_name"])

    return _call(run)


def drop_others(keep: str) -> None:
    """Drop the collections of this library that no alias points to."""

    def run(client: MilvusClient) -> None:
        for name in client.list_collections(timeout=READ_SECONDS):
            if name.startswith(f"{alias()}_") and name != keep:
                client.drop_collection(name, timeout=WRITE_SECONDS)

    _call(run)


def upsert(rows: Sequence[Row], *, collection: str = "") -> None:
    """Put rows in, replacing those of the same ids. Idempotent."""
    data = [{"id": row.id, "embedding": row.vector.tolist(), **row.scalars} for row in rows]
    if data:
        _call(lambda client: client.upsert(collection or alias(), data, timeout=WRITE_SECONDS))


def delete(ids: Sequence[int]) -> None:
    if ids:
        _call(lambda client: client.delete(alias(), ids=list(ids), timeout=WRITE_SECONDS))


def settle(collection: str = "") -> None:
    """Milvus Lite searches rows that are not flushed very slowly; a server flushes by itself."""
    if not settings.MILVUS_URI:
        _call(lambda client: client.flush(collection or alias(), timeout=WRITE_SECONDS))


def search(vector: Vector, *, limit: int, where: str) -> list[Hit]:
    """The nearest rows among those that match the expression `where`, best first."""
    limit = min(limit, MOST_HITS)
    # HNSW behind a filter misses most neighbours unless it looks much further than `limit`
    parameters = {"ef": max(800, 2 * limit)} if settings.MILVUS_URI else {}

    def run(client: MilvusClient) -> list[Hit]:
        found = client.search(
            alias(),
            data=[vector.tolist()],
            anns_field="embedding",
            limit=limit,
            filter=where,
            search_params={"metric_type": "IP", "params": parameters},
            timeout=READ_SECONDS,
        )
        return [Hit(int(hit["id"]), float(hit["distance"])) for hit in found[0]]

    return _call(run)


def fetch(ids: Sequence[int]) -> dict[int, Scalars]:
    """The scalars that Milvus holds of these ids."""

    def run(client: MilvusClient) -> dict[int, Scalars]:
        rows: list[dict[str, Any]] = client.get(
            alias(), ids=list(ids), output_fields=["id", *FIELDS], timeout=READ_SECONDS
        )
        return {int(row["id"]): _scalars(row) for row in rows}

    return _call(run) if ids else {}


def count() -> int:
    def run(client: MilvusClient) -> int:
        rows = client.query(alias(), filter="", output_fields=["count(*)"], timeout=READ_SECONDS)
        return int(rows[0]["count(*)"])

    return _call(run)


def stream_ids(top: int) -> Iterator[list[int]]:
    """All ids, a window of PAGE at a time up to `top`, then those above it. Portable: query results
    come in no order, and iterators differ by server."""
    windows = [f"id >= {low} and id < {low + PAGE}" for low in range(0, top + 1, PAGE)]
    beyond = f"id >= {len(windows) * PAGE}"
    for where in [*windows, beyond]:

        def run(client: MilvusClient, where: str = where) -> list[int]:
            rows = client.query(
                alias(), filter=where, output_fields=["id"], limit=PAGE, timeout=WRITE_SECONDS
            )
            return sorted(int(row["id"]) for row in rows)

        if ids := _call(run):
            yield ids


def _scalars(row: dict[str, Any]) -> Scalars:
    values = {name: row[name] for name in FIELDS}
    values["tags"] = list(values["tags"])
    return values  # type: ignore[return-value]


def _schema(dimension: int) -> Any:
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=dimension)
    for name in ("brand_id", "width", "height", "created", "expires"):
        schema.add_field(name, DataType.INT64)
    schema.add_field("aspect_ratio", DataType.DOUBLE)
    for name, length in (
        ("kind", 32),
        ("origin", 32),
        ("status", 32),
        ("orientation", 32),
        ("engine_model", 400),
        ("prompt", 65_535),
        ("storage_path", 1_200),
    ):
        schema.add_field(name, DataType.VARCHAR, max_length=length)
    schema.add_field(
        "tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=64, max_length=256
    )
    return schema


def _index() -> Any:
    """Exact search on Milvus Lite (its HNSW loses neighbours behind a filter); HNSW on a server.
    Inner product is the cosine of unit vectors, and cheaper."""
    from pymilvus import MilvusClient

    index = MilvusClient.prepare_index_params()
    if settings.MILVUS_URI:
        index.add_index(
            "embedding",
            index_type="HNSW",
            metric_type="IP",
            params={"M": 16, "efConstruction": 200},
        )
    else:
        index.add_index("embedding", index_type="FLAT", metric_type="IP")
    return index


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
        text = str(getattr(error, "message", "") or error)
        if _is_refusal(error):
            raise MilvusDown(f"The vector index (Milvus) refuses: {text}.") from error
        _forget_client()
        _broken_until = time.monotonic() + BREAKER_SECONDS
        logger.warning("Milvus does not answer: %s", text.splitlines()[0][:200])
        raise MilvusDown("The vector index (Milvus) does not answer.") from error


def _is_refusal(error: Exception) -> bool:
    """The server understood and said no; as against being down."""
    from pymilvus.exceptions import MilvusException

    connection_codes = {1, 2}  # unexpected error, failed to connect
    return isinstance(error, MilvusException) and error.code not in connection_codes


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
        if client.has_collection(alias(), timeout=READ_SECONDS):
            # a restarted server has released its collections
            client.load_collection(alias(), timeout=WRITE_SECONDS)
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
