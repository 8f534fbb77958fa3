"""The vector store, on Milvus Lite and on a real Milvus server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from pytest_django import Settings

from search.models import Vector
from search.vectorstore import (
    VectorStoreRejected,
    VectorStoreUnavailable,
    connection,
    schema,
    store,
)
from search.vectorstore import connection as connection_module
from search.vectorstore import expressions as e
from tests.support.milvus_server import either_milvus, real_server  # noqa: F401 - fixtures

ROWS, DIMENSION = 10_000, 64
SHARES = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}

pytestmark = pytest.mark.usefixtures("either_milvus")


def scalars(**changes: object) -> schema.Scalars:
    plain: schema.Scalars = {
        "brand_id": 1,
        "kind": "product",
        "origin": "upload",
        "status": "draft",
        "orientation": "square",
        "aspect_ratio": 1.0,
        "width": 10,
        "height": 10,
        "created": 0,
        "expires": schema.NEVER,
        "created_by": schema.NOBODY,
        "tags": [],
        "colours": [],
        "engine_model": "",
        "preset": "",
        "prompt": "",
        "storage_path": "p",
        "creator": "",
        "city": "",
        "country": "",
        "captured": schema.UNDATED,
        "has_alt_text": 0,
        "terms_to_check": 0,
    }
    return {**plain, **changes}  # type: ignore[typeddict-item]


def unit_vectors(rows: int, seed: int) -> Any:
    """Return random unit vectors in clusters, like those of images."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(100, DIMENSION))
    vectors = centres[random.integers(0, 100, rows)] + random.normal(size=(rows, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def row(number: int, vector: Vector | None = None, **changes: object) -> store.Row:
    return store.Row(number, AXIS if vector is None else vector, scalars(**changes))


AXIS: Vector = np.eye(DIMENSION, dtype=np.float32)[0]


@pytest.fixture
def empty(either_milvus: str) -> Iterator[str]:  # noqa: F811
    name = f"{connection_module.alias()}_empty"
    store.create(name, DIMENSION)
    yield name
    store.drop(name)


@pytest.fixture(scope="module")
def many(either_milvus: str) -> tuple[str, Any, Any]:  # noqa: F811
    """Collection of ROWS, their vectors, and for each row a rank independent of its vector."""
    name = f"{connection_module.alias()}_many"
    store.create(name, DIMENSION)
    vectors = unit_vectors(ROWS, seed=1)
    ranks = np.random.default_rng(2).permutation(ROWS)
    for start in range(0, ROWS, 1_000):
        batch = range(start, start + 1_000)
        store.upsert([_ranked(n, vectors[n], int(ranks[n])) for n in batch], collection=name)
    store.flush(name)
    return name, vectors, ranks


def _ranked(number: int, vector: Vector, rank: int) -> store.Row:
    tags = [tag for tag, share in SHARES.items() if rank < share * ROWS]
    cells = [1_000 + len(tags), 5] if tags else [5]
    return row(number + 1, vector, width=rank, tags=tags, colours=cells)


@pytest.mark.parametrize("tag", ["", *SHARES, "one"])
def test_the_nearest_are_found_however_few_rows_match(many: tuple[str, Any, Any], tag: str) -> None:
    name, vectors, ranks = many
    most = max(1, int(SHARES.get(tag, 1 if not tag else 0) * ROWS))
    matching = np.flatnonzero(ranks < most)
    cells = [1_000 + n for n, other in enumerate(SHARES, start=1) if SHARES[other] * ROWS <= most]
    wheres = [e.at_most("width", most - 1)]
    if tag in SHARES:
        wheres += [e.contains("tags", tag), e.contains_any("colours", cells)]
    questions = [1.5 * vectors[n] - 0.7 * vectors[n + 1] for n in range(0, 400, 50)]
    for where in wheres if tag else [""]:
        recalls = []
        for question in questions:
            scores = vectors[matching] @ question
            best = set((matching[np.argsort(-scores)[:50]] + 1).tolist())
            hits = store.search(question, limit=50, where=where, collection=name)
            recalls.append(len(best & {hit.id for hit in hits}) / len(best))
            assert np.allclose(sorted((hit.score for hit in hits), reverse=True)[0], scores.max())
            assert [hit.score for hit in hits] == sorted((h.score for h in hits), reverse=True)
        assert np.mean(recalls) >= 0.99, where


def test_every_field_filters_as_the_same_condition_in_python_does(empty: str) -> None:
    random = np.random.default_rng(5)
    tags = ["red", "Ünïcode 🤠", 'say "x" \\', "%", "re", "red silk", "_"]
    rows = [
        scalars(
            brand_id=int(random.integers(1, 4)),
            kind=["product", "logo", "%"][random.integers(3)],
            aspect_ratio=float(random.choice([0.5, 1.0, 4 / 3])),
            width=int(random.integers(0, 5)),
            expires=int(random.choice([0, 1_800_000_000, schema.NEVER])),
            created_by=int(random.integers(0, 3)),
            tags=[tag for tag in tags if random.random() < 0.3],
            colours=[int(cell) for cell in random.integers(0, 9, random.integers(0, 6))],
            engine_model=["", "nano"][random.integers(2)],
            preset=["", "Packshot's"][random.integers(2)],
            prompt=["", 'a "red"\nhat'][random.integers(2)],
        )
        for _ in range(200)
    ]
    store.upsert([store.Row(n, AXIS, row) for n, row in enumerate(rows)], collection=empty)
    Condition = Callable[[schema.Scalars], bool]  # noqa: N806
    conditions: list[tuple[str, Condition]] = [
        (e.equals("brand_id", 2), lambda r: r["brand_id"] == 2),
        (e.one_of("kind", ["logo", "%"]), lambda r: r["kind"] in ("logo", "%")),
        (e.none_of("kind", ["logo", "%"]), lambda r: r["kind"] not in ("logo", "%")),
        (e.at_least("aspect_ratio", 1.0), lambda r: r["aspect_ratio"] >= 1),
        (e.at_most("aspect_ratio", 4 / 3), lambda r: r["aspect_ratio"] <= 4 / 3),
        (e.at_most("width", 2), lambda r: r["width"] <= 2),
        (e.at_least("expires", 1_800_000_000), lambda r: r["expires"] >= 1_800_000_000),
        (e.equals("created_by", schema.NOBODY), lambda r: r["created_by"] == 0),
        (e.equals("preset", "Packshot's"), lambda r: r["preset"] == "Packshot's"),
        (e.differs("engine_model", ""), lambda r: r["engine_model"] != ""),
        (e.equals("prompt", 'a "red"\nhat'), lambda r: r["prompt"] != ""),
        (e.contains_any("tags", []), lambda r: False),
        (e.contains_none("tags", []), lambda r: True),
        (e.contains_any("colours", [3, 4, 8]), lambda r: bool({3, 4, 8} & {*r["colours"]})),
        (e.contains_none("colours", [3, 4]), lambda r: not {3, 4} & {*r["colours"]}),
        (e.contains_any("colours", [-2]), lambda r: False),
        *[(e.contains("tags", tag), lambda r, tag=tag: tag in r["tags"]) for tag in tags],
        (e.contains_any("tags", ["red", "_"]), lambda r: bool({"red", "_"} & {*r["tags"]})),
        (e.contains_none("tags", ["red", "%"]), lambda r: not {"red", "%"} & {*r["tags"]}),
    ]
    for first, (where, holds) in enumerate(conditions):
        other_where, other_holds = conditions[(first * 7 + 3) % len(conditions)]
        _assert_found(empty, where, [n for n, r in enumerate(rows) if holds(r)])
        _assert_found(
            empty,
            e.all_of([where, "", e.any_of([other_where, e.equals("width", 3)])]),
            [n for n, r in enumerate(rows) if holds(r) and (other_holds(r) or r["width"] == 3)],
        )


def _assert_found(collection: str, where: str, ids: list[int]) -> None:
    found = store.search(AXIS, limit=1_000, where=where, collection=collection)
    assert sorted(hit.id for hit in found) == ids, where


def test_readers_see_one_collection_or_the_other_while_the_alias_flips(empty: str) -> None:
    other = f"{connection_module.alias()}_other"
    store.create(other, DIMENSION)
    store.upsert([row(n) for n in range(1, 11)], collection=empty)
    store.upsert([row(n) for n in range(11, 21)], collection=other)
    store.point_alias(empty)
    seen: set[tuple[int, ...]] = set()
    flipped = threading.Event()

    def read() -> None:
        while not flipped.is_set():
            seen.add(tuple(sorted(hit.id for hit in store.search(AXIS, limit=50, where=""))))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(3):
        store.point_alias(other)
        assert store.collection_behind_alias() == other
        store.point_alias(empty)
    flipped.set()
    for reader in readers:
        reader.join()
    assert seen <= {tuple(range(1, 11)), tuple(range(11, 21))}
    store.drop(empty)  # with its alias
    assert store.collection_behind_alias() == ""
    old, theirs = (f"{connection_module.alias()}{n}_{16 * '0'}_abcdef_17" for n in ("", "_2"))
    for name in (old, theirs):  # one library's prefix may begin with another's
        store.create(name, DIMENSION)
    store.drop_others(keep=[])
    assert [store.exists(name) for name in (other, old, theirs)] == [False, False, True]
    store.drop(theirs)


def test_rows_are_replaced_never_doubled_and_deleted_by_id(empty: str) -> None:
    rows = [row(n, width=n) for n in range(1, 6)]
    for _ in range(3):
        store.upsert(rows, collection=empty)
    store.upsert([row(2, width=99)], collection=empty)
    store.flush(empty)
    _assert_found(empty, "", [1, 2, 3, 4, 5])
    assert store.fetch([2], collection=empty)[2]["width"] == 99
    store.delete([2, 4, 1_000], collection=empty)
    assert store.fetch([1, 2, 3, 4], collection=empty).keys() == {1, 3}
    assert list(store.iter_ids(3, collection=empty)) == [[1, 3, 5]]
    assert store.count(collection=empty) == 3


def test_what_is_put_in_comes_out_again(empty: str) -> None:
    odd = "a\\\"'\n\t\r{}%_ \x1b\u2028é🤠" + "\u202e\ufeff"
    full = scalars(
        kind="k", tags=[odd, "z", "🤠" * 100], colours=[9, 0, 7, 9, 1], prompt=odd, preset=odd
    )
    vector = unit_vectors(1, seed=3)[0]
    store.upsert([store.Row(1, vector, full), row(2)], collection=empty)
    store.flush(empty)
    assert store.fetch([1, 2, 3], collection=empty) == {1: full, 2: scalars()}
    vectors = store.vectors([1], collection=empty)
    assert np.array_equal(vectors[1], vector)


def test_values_past_the_limits_are_cut_before_milvus_refuses_them(empty: str) -> None:
    long = scalars(
        kind="é" * 33,
        tags=[f"{n:04}" + "🤠" * 200 for n in range(1_100)],
        colours=list(range(9)),
        engine_model="é" * 500,
        preset="🤠" * 101,
        prompt="é" * 70_000,
        storage_path="x" * 2_000,
    )
    store.upsert([store.Row(1, AXIS, long)], collection=empty)
    fetched = store.fetch([1], collection=empty)[1]
    assert fetched == schema.truncated(long)
    assert len(fetched["tags"]) == 1_000
    assert long["prompt"].startswith(fetched["prompt"])
    _assert_found(empty, e.contains("tags", fetched["tags"][999]), [1])


def test_a_refused_row_is_told_from_a_server_that_is_down(empty: str) -> None:
    short = AXIS[:3]
    broken = AXIS * np.float32("nan")
    for bad in (row(2, short), row(2, broken), row(2, width="wide"), row(2, width=2**70)):
        with pytest.raises(VectorStoreRejected):
            store.upsert([row(1), bad], collection=empty)
    with pytest.raises(VectorStoreRejected):
        store.search(AXIS, limit=5, where="width ==", collection=empty)
    store.upsert([row(1)], collection=empty)  # it still answers, at once
    with pytest.raises(VectorStoreUnavailable) as missing:
        store.upsert([row(1)], collection=f"{empty}_gone")
    assert not isinstance(missing.value, VectorStoreRejected)  # not an error of the rows


def test_a_released_collection_is_loaded_again(empty: str) -> None:
    store.upsert([row(1)], collection=empty)
    connection.execute(lambda client: client.release_collection(empty, timeout=20))
    hits = store.search(AXIS, limit=5, where="", collection=empty)
    assert [hit.id for hit in hits] == [1]


def test_a_server_that_never_answers_is_down(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.MILVUS_URI = f"http://127.0.0.1:{silent.getsockname()[1]}"
        connection_module.reset()
        with pytest.raises(VectorStoreUnavailable, match="is not responding") as refused:
            store.search(AXIS, limit=5, where="")
        assert not isinstance(refused.value, VectorStoreRejected)
    connection_module.reset()
