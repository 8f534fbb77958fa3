"""Benchmark of `search` and the API, against encoding the text and asking Milvus alone."""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from tests.bench import line, percentiles, seconds
from tests.bench.store import unit_vectors

Run = Callable[[], object]

EACH = 60  # of each kind of question, none asked twice
LIMIT = 48
SHARES = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
BATCH = 1_000


def bench(counts: Sequence[int], pictures: Sequence[bytes]) -> None:
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    from assetbank.models import Brand, Membership
    from search.query import embedding

    brand, _ = Brand.objects.get_or_create(name="Rows", slug="rows")
    person, _ = User.objects.get_or_create(username="bench")
    Membership.objects.get_or_create(brand=brand, user=person, role="creator")
    Token.objects.get_or_create(user=person)
    medians: list[dict[str, float]] = []
    for rows in sorted(counts):
        fill(brand, person, rows)
        embedding.preload_text_encoder()  # as a web process does
        print(f"\n(b) questions, {LIMIT} of {rows:,} rows, 512 dimensions, medians and p95 in ms")
        medians.append(_bench_find(person, pictures))
        _bench_api(person)
    for kind in medians[0] if len(medians) > 1 else ():
        grown = medians[-1][kind] / medians[0][kind]
        line(f"{kind}: {max(counts):,} rows against {min(counts):,}", f"{grown:.2f}")


def _bench_find(person: Any, pictures: Sequence[bytes]) -> dict[str, float]:
    from search.query import search

    def find(question: Any) -> object:
        return search(person=person, question=question, limit=LIMIT)

    medians = {
        kind: _compare(kind, ((_raw(each, person), partial(find, each)) for each in questions))
        for kind, questions in _kinds(person).items()
    }
    kind = "a picture that is shown"
    return medians | {kind: _compare(kind, _shown(person, pictures, find))}


def _compare(kind: str, pairs: Iterable[tuple[Run, Run]]) -> float:
    """Time pairs of a baseline and a search, print both and their ratios, and return the median
    seconds of the search."""
    taken: tuple[list[float], list[float]] = [], []
    for number, pair in enumerate(itertools.islice(pairs, EACH + 3)):
        for which in (0, 1) if number % 2 else (1, 0):  # who comes second finds all warm
            taken[which].append(seconds(pair[which]))
    # the first ones find cold caches
    (base, base95), (p50, p95) = (percentiles(each[3:]) for each in taken)
    line(
        f"find, {kind}",
        f"{p50 * 1e3:6.1f} {p95 * 1e3:6.1f}   raw {base * 1e3:6.1f}   {p50 / base:.2f}"
        f" {p95 / base95:.2f}",
    )
    return p50


def _shown(
    person: Any, pictures: Sequence[bytes], find: Callable[[Any], object]
) -> Iterator[tuple[Run, Run]]:
    """Pictures that are not in the library: decoded, encoded, searched with."""
    from assetbank import permissions
    from search.indexing import space_encoders, spaces
    from search.query import Filters, ImageTerm, SearchQuery, embedding
    from search.query.filters import to_milvus
    from search.vectorstore import store

    space = spaces.active_space()
    where = to_milvus(Filters(), permissions.asset_scope(person))

    def raw(data: bytes) -> object:
        with Image.open(io.BytesIO(data)) as image:
            (vector,) = space_encoders.image_encoder(space.source).encode([image.convert("RGB")])
        return store.search(vector, limit=LIMIT, where=where, collection=space.collection)

    def ours(data: bytes) -> object:
        picture = embedding.save_query_image(person=person, data=data)
        return find(SearchQuery(shown=(ImageTerm(picture=picture.pk),)))

    return ((partial(raw, data), partial(ours, data)) for data in pictures)


def _raw(question: Any, person: Any) -> Run:
    """Return the baseline of a search: the vectors of its parts from the encoder, and their nearest
    neighbours from Milvus."""
    from assetbank import permissions
    from search.indexing import spaces
    from search.query import embedding
    from search.query.filters import to_milvus
    from search.vectorstore import connection, store

    space = spaces.active_space()
    where = to_milvus(question.filters, permissions.asset_scope(person))
    shown = [each.asset for each in question.shown]

    def stored(client: Any, name: str) -> list[Any]:
        # not Strong, as `milvus.vectors` is: a server takes 0.3 s to be sure
        rows = client.get(name, shown, ["embedding"], consistency_level="Eventually")
        return [np.asarray(row["embedding"], np.float32) for row in rows]

    def run() -> object:
        parts = connection.execute_on(space.collection, stored) if shown else []
        if text := question.terms.description:
            encoder = embedding.text_encoder(space.source, str(space.fingerprint))
            parts += list(encoder.encode([text]))
        return store.search(sum(parts), limit=LIMIT, where=where, collection=space.collection)

    return run


def _kinds(person: Any) -> dict[str, Iterator[Any]]:
    from assetbank.models import Asset
    from search.query import Filters, SearchQuery, like_asset

    rows = Asset.objects.count()
    assets = list(Asset.objects.order_by("pk")[: 3 * EACH])
    colours = ["red", "blue", "green", "white", "black"]

    def texts() -> Iterator[str]:
        # others for each size of library: a text that was asked is not encoded again
        for number in random.Random(rows).sample(range(100_000), 50 * EACH):
            yield f"a {colours[number % 5]} bag, number {number} of {rows}"

    # Full text does not see these, and CLIP does
    stop_words = list(itertools.product(["the", "of", "in", "with"], repeat=6))
    fillers = map(" ".join, random.Random(rows).sample(stop_words, 2 * EACH))
    each = texts()  # shared: every kind asks texts that were never asked
    kinds: dict[str, Iterator[Any]] = {"text": (SearchQuery(text=text) for text in each)}
    for tag in SHARES:
        filters = Filters(tags=(tag,))
        kinds[f"text, {SHARES[tag]:.1%} by a tag"] = (
            SearchQuery(text=text, filters=filters) for text in each
        )
    kinds |= {
        "text, kind, rights and dates": (
            SearchQuery(
                text=text,
                filters=Filters(kinds=("product",), usable=True, orientation="portrait"),
            )
            for text in each
        ),
        "text, a colour": (
            SearchQuery(text=text, filters=Filters(colour="#2b63d4")) for text in each
        ),
        "text, a word that is not wanted": (SearchQuery(text=f"{text} -hat") for text in each),
        "words that one has": (SearchQuery(text=f"linen row {n}") for n in range(rows // 2, rows)),
        "words that thousands have": (SearchQuery(text=f"linen {text} bag") for text in fillers),
        "more like this": (SearchQuery(shown=(like_asset(asset),)) for asset in assets),
        "two pictures and a text": (
            SearchQuery(text=text, shown=(like_asset(asset), like_asset(other, 0.5)))
            for text, asset, other in zip(each, assets, assets[::-1], strict=False)
        ),
    }
    return kinds


def _bench_api(person: Any) -> None:
    from django.test import Client
    from rest_framework.authtoken.models import Token

    from assetbank.models import Asset
    from search.query import SearchQuery

    token = Token.objects.get(user=person).key
    client = Client(headers={"authorization": f"Token {token}"})

    def ask(text: str) -> None:
        response = client.get("/api/v1/assets/", {"q": text, "limit": str(LIMIT)})
        assert response.content.count(b'"checksum"') == LIMIT, response.content

    raw, first, again = [], [], []
    rows = Asset.objects.count()
    for number in range(EACH + 3):
        text = f"a purse, the {number}th of {rows}"
        raw.append(seconds(_raw(SearchQuery(text=text), person)))
        first.append(seconds(lambda text=text: ask(text)))  # type: ignore[misc]
        again.append(seconds(lambda text=text: ask(text)))  # type: ignore[misc]
    base, base95 = percentiles(raw[3:])
    for label, taken in (("the API", first), ("the API, the same question again", again)):
        p50, p95 = percentiles(taken[3:])
        line(label, f"{p50 * 1e3:6.1f} {p95 * 1e3:6.1f}   {p50 / base:.2f} {p95 / base95:.2f}")
    counted = seconds(lambda: client.get("/api/v1/facets/", {"q": f"a purse, the 9th of {rows}"}))
    line("the API, facets of a question", f"{counted * 1e3:6.1f}          {counted / base:.2f}")


# ------------------------------------------------------------------------ a library


def fill(brand: Any, person: Any, rows: int) -> None:
    """Assets, tags, embeddings and vectors straight into their places, up to so many: intake and
    CLIP are not what is measured."""
    from django.db import connection

    from assetbank.models import Asset
    from search.indexing import spaces
    from search.models import VectorSpace
    from search.vectorstore import store

    space = spaces.ensure_active_space()
    there = Asset.objects.filter(brand=brand).count()
    vectors = unit_vectors(rows)
    took = 0.0
    for start in range(there, rows, BATCH):
        batch = vectors[start : min(start + BATCH, rows)]
        assets = _assets(brand, person, start, len(batch))
        took += seconds(lambda assets=assets, batch=batch: _index(space, assets, batch))  # type: ignore[misc]
    store.flush(space.collection)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as PostgreSQL does by itself within a minute
    VectorSpace.objects.filter(pk=space.pk).update(revision=space.revision + 1)
    if rows > there:
        line(f"filled to {rows:,} rows: rows/s into Milvus", f"{(rows - there) / took:6.0f}")


def _assets(brand: Any, person: Any, start: int, count: int) -> list[Any]:
    import datetime

    from django.contrib.contenttypes.models import ContentType
    from taggit.models import Tag, TaggedItem

    from assetbank.media import colours
    from assetbank.models import Asset

    chance = random.Random(start)
    cells = [colours.cells([colour]) for _, colour in colours.SWATCHES]
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assets = Asset.objects.bulk_create(
        Asset(
            brand=brand,
            title=f"{chance.choice(['Linen', 'Silk', 'Wool'])} {chance.choice(['bag', 'hat'])}",
            description=f"Row {n} of a long list.",
            filename=f"row-{n}.jpg",
            file=f"originals/{n}.jpg",
            checksum=f"{n:064x}",
            mime="image/jpeg",
            kind=chance.choice(Asset.Kind.values),
            width=400,
            height=chance.choice([300, 400, 534]),
            bytes=28_000,
            colours=[],
            colour_cells=chance.choice(cells),
            created_by=person,
            created_at=now - datetime.timedelta(minutes=n),
        )
        for n in range(start, start + count)
    )
    kind = ContentType.objects.get_for_model(Asset)
    tags = {name: Tag.objects.get_or_create(name=name, slug=name)[0] for name in SHARES}
    TaggedItem.objects.bulk_create(
        TaggedItem(tag=tags[name], content_type=kind, object_id=asset.pk)
        for asset in assets
        for name, share in SHARES.items()
        if chance.random() < share
    )
    return assets


def _index(space: Any, assets: list[Any], batch: Any) -> None:
    from assetbank.models import Asset
    from search.indexing import entities
    from search.models import Embedding
    from search.vectorstore import store

    Embedding.objects.bulk_create(
        Embedding(
            asset=asset,
            space=space,
            state="indexed",
            checksum=asset.checksum,
            vector_bytes=vector.tobytes(),
        )
        for asset, vector in zip(assets, batch, strict=True)
    )
    fresh = Asset.objects.with_tags().in_bulk([asset.pk for asset in assets])
    store.upsert(
        [
            store.Row(asset.pk, vector, entities.scalars(fresh[asset.pk]))
            for asset, vector in zip(assets, batch, strict=True)
        ],
        collection=space.collection,
    )
