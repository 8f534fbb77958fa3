"""Benchmark of the vector store: cost and recall, against another index in the same layout."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

DIMENSION, LIMIT, QUESTIONS, BATCH = 512, 50, 40, 500
SHARES = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}


def bench(counts: Sequence[int]) -> None:
    """Loading, and searching behind filters that let ever less through."""
    for rows in counts:
        print(f"\n(d) the vector store alone: {rows:,} rows of {DIMENSION} dimensions")
        vectors, ranks = unit_vectors(rows), np.random.default_rng(2).permutation(rows)
        bench_loading(vectors, ranks)
        for index in ("ours", "HNSW"):
            bench_searching(vectors, ranks, index)


def unit_vectors(rows: int) -> Any:
    """In clusters, as pictures are: [rows, DIMENSION] float32."""
    random = np.random.default_rng(1)
    vectors = random.normal(size=(rows, DIMENSION)).astype(np.float32)
    vectors += 1.1 * random.normal(size=(200, DIMENSION))[random.integers(0, 200, rows)]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def row(number: int, vectors: Any, ranks: Any) -> Any:
    """`ranks` says which filters match the row, whatever its vector is."""
    from search.vectorstore import schema, store

    rank = int(ranks[number])
    tags = [tag for tag, share in SHARES.items() if rank < share * len(ranks)]
    scalars: schema.Scalars = {
        "brand_id": 1 + rank % 5,
        "kind": "product",
        "origin": "upload",
        "status": "approved",
        "orientation": "square",
        "aspect_ratio": 1.0,
        "width": rank,
        "height": 1000,
        "created": 1_700_000_000,
        "expires": schema.NEVER,
        "created_by": 1,
        "tags": ["archive", *tags],
        "colours": [rank % 5_000 + 7_000 * n for n in range(5)],
        "engine_model": "",
        "preset": "",
        "prompt": "",
        "storage_path": f"originals/{number}/picture.jpg",
        "creator": "",
        "city": "",
        "country": "",
        "captured": schema.UNDATED,
        "has_alt_text": 0,
        "terms_to_check": 0,
    }
    return store.Row(number + 1, vectors[number], scalars)


# ------------------------------------------------------------------------ loading


def bench_loading(vectors: Any, ranks: Any) -> None:
    """Batch by batch in turns, so that all ways meet the same machine."""
    from search.vectorstore import connection, store
    from search.vectorstore.connection import WRITE_SECONDS, execute

    def raw(name: str, rows: list[Any]) -> float:
        data = store.to_entities(rows)  # what a caller of pymilvus would have at hand
        started = time.perf_counter()
        execute(lambda client: client.insert(name, data, timeout=WRITE_SECONDS))
        return time.perf_counter() - started

    def upsert(name: str, rows: list[Any]) -> float:
        started = time.perf_counter()
        store.upsert(rows, collection=name)
        return time.perf_counter() - started

    ways = {"raw insert": raw, "upsert": upsert}
    took: dict[str, list[float]] = {way: [] for way in ways}
    names = {way: f"{connection.alias()}_load_{n}" for n, way in enumerate(ways)}
    for name in names.values():
        store.create(name, DIMENSION)
    numbers = range(min(len(vectors), 10_000))
    for start in numbers[::BATCH]:
        rows = [row(n, vectors, ranks) for n in numbers[start : start + BATCH]]
        for way, write in ways.items():
            took[way].append(write(names[way], rows))
    for way, name in names.items():
        ratio = statistics.median(
            base / own for base, own in zip(took["raw insert"], took[way], strict=True)
        )
        whole = sum(took["raw insert"]) / sum(took[way])
        rate = len(numbers) / sum(took[way])
        print(f"  {way:12} {rate:7.0f} rows/s  {whole:.2f} of raw (median of batches {ratio:.2f})")
        store.drop(name)


# ------------------------------------------------------------------------ searching


def bench_searching(vectors: Any, ranks: Any, index: str) -> None:
    from search.vectorstore import connection, store

    name = f"{connection.alias()}_search"
    store.create(name, DIMENSION)
    if index != "ours":
        _use_index(name, index)
    started = time.perf_counter()
    for start in range(0, len(vectors), BATCH):
        numbers = range(start, min(start + BATCH, len(vectors)))
        store.upsert([row(n, vectors, ranks) for n in numbers], collection=name)
    store.flush(name)
    print(f"  {index}: filled in {time.perf_counter() - started:.0f} s")
    _wait_for_index(name, len(vectors))
    for what, where, matching in _filters(ranks):
        _compare(name, what, where, vectors, matching, {"ef": 800} if index == "HNSW" else {})
    print(f"  memory of the server: {_server_memory():.2f} GB")
    store.drop(name)


def _server_memory() -> float:
    import psutil
    from django.conf import settings

    from assetbank.embedded import milvus as embedded

    if settings.MILVUS_URI:
        milvus_servers = (p for p in psutil.process_iter() if p.name() == "milvus")
        return max((p.memory_info().rss for p in milvus_servers), default=0) / 1e9
    pid = embedded.server_pid(settings.DATA_DIR / "milvus")
    return float(psutil.Process(pid).memory_info().rss) / 1e9


def _filters(ranks: Any) -> Iterator[tuple[str, str, Any]]:
    """Each with the row numbers that it should let through."""
    from search.vectorstore import expressions as e

    count = len(ranks)
    yield "no filter", "", np.arange(count)
    for tag, share in SHARES.items():
        matching = np.flatnonzero(ranks < share * count)
        yield f"{share:.1%} by a number", e.at_most("width", int(share * count) - 1), matching
        yield f"{share:.1%} by a tag", e.contains("tags", tag), matching
        without = np.flatnonzero(ranks >= share * count)
        yield f"{1 - share:.1%} by no tag", e.contains_none("tags", [tag]), without
    cells = list(range(140))
    yield "a colour", e.contains_any("colours", cells), np.flatnonzero(ranks % 5_000 < 140)
    yield "one single row", e.equals("width", count // 2), np.flatnonzero(ranks == count // 2)


def _compare(
    name: str, what: str, where: str, vectors: Any, matching: Any, parameters: dict[str, int]
) -> None:
    ours, exact, recalls = [], [], []
    for n in range(QUESTIONS):
        question = vectors[n] + 0.6 * vectors[n + 50]  # composed, and not of unit length
        started = time.perf_counter()
        found = _search(name, question, where, parameters)
        between = time.perf_counter()
        some = vectors if len(matching) == len(vectors) else vectors[matching]
        scores = some @ question
        most = min(LIMIT, len(scores))
        best = matching[np.argpartition(-scores, most - 1)[:most]]
        exact.append(time.perf_counter() - between)
        ours.append(between - started)
        recalls.append(len({*(best + 1).tolist()} & found) / most)
    ours.sort()
    p50, p95 = 1e3 * ours[len(ours) // 2], 1e3 * ours[int(len(ours) * 0.95)]
    numpy = 1e3 * statistics.median(exact)
    print(
        f"    {what:20} p50 {p50:6.1f}  p95 {p95:6.1f} ms  {p50 / numpy:6.1f} x numpy"
        f"  recall@{LIMIT} {np.mean(recalls):.3f}, least {min(recalls):.2f}",
        flush=True,
    )


def _search(name: str, question: Any, where: str, parameters: dict[str, int]) -> set[int]:
    from search.vectorstore import store
    from search.vectorstore.connection import execute

    if not parameters:
        hits = store.search(question, limit=LIMIT, where=where, collection=name)
        return {hit.id for hit in hits}
    found = execute(
        lambda client: client.search(
            name,
            data=[question],
            limit=LIMIT,
            filter=where,
            search_params={"metric_type": "IP", "params": parameters},
            timeout=30,
        )
    )
    return {hit["id"] for hit in found[0]}


def _use_index(name: str, index: str) -> None:
    from pymilvus import MilvusClient

    from search.vectorstore.connection import execute

    wanted = MilvusClient.prepare_index_params()
    graph = {"M": 16, "efConstruction": 200} if index == "HNSW" else {}
    wanted.add_index("embedding", index_type=index, metric_type="IP", params=graph)

    def run(client: MilvusClient) -> None:
        client.release_collection(name, timeout=60)
        client.drop_index(name, "embedding", timeout=60)
        client.create_index(name, wanted, timeout=60)
        client.load_collection(name, timeout=60)

    execute(run)


def _wait_for_index(name: str, rows: int) -> None:
    """A server seals and indexes what it got when it is asked to."""
    from django.conf import settings

    from search.vectorstore.connection import execute

    if not settings.MILVUS_URI:
        return
    execute(lambda client: client.flush(name, timeout=60))
    while (
        execute(lambda client: client.describe_index(name, "embedding", timeout=10))["indexed_rows"]
        < rows
    ):
        time.sleep(1)
    time.sleep(10)  # and then loads the new segments
