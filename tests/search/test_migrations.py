"""A library from before vector spaces is migrated without embedding valid assets again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from assetbank.models import Asset
from search.models import Embedding, Vector, VectorSpace
from search.query import fulltext
from search.vectorstore import connection as connection_module
from search.vectorstore import store

BEFORE = [("search", "0001_initial"), ("assetbank", "0001_initial")]
FOREIGN = "f" * 64


def migrate(to: list[tuple[str, str]] | None = None) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(to or executor.loader.graph.leaf_nodes())


def sql(statement: str, *values: str | int | bytes | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def vector(asset: Asset) -> Vector:
    found = Embedding.objects.get(asset=asset).vector
    assert found is not None
    return found


@pytest.mark.django_db(transaction=True)
def test_a_library_of_before_keeps_its_vectors_and_gets_its_words(
    make_asset: Callable[..., Asset], index: Callable[[], int]
) -> None:
    kept, foreign, waiting = (make_asset(title=name, tags=[f"{name}ish"]) for name in "xyz")
    index()
    space = VectorSpace.objects.get()
    real = vector(foreign)
    known = np.eye(1, space.dimension, dtype="<f4")[0]  # no encoder returns this
    try:
        migrate(BEFORE)
        sql("UPDATE search_embedding SET fingerprint = %s", space.fingerprint)
        sql("UPDATE search_embedding SET vector_bytes = %s", known.tobytes())
        sql("UPDATE search_embedding SET fingerprint = %s WHERE asset_id = %s", FOREIGN, foreign.pk)
        sql(
            "UPDATE search_embedding SET state = 'pending', vector_bytes = NULL, fingerprint = '',"
            " checksum = '' WHERE asset_id = %s",
            waiting.pk,
        )
        sql(
            "UPDATE search_vectorspace SET collection = %s",
            f"{connection_module.alias()}_of_before",
        )
        sql(
            "INSERT INTO search_vectorspace (model, source, is_demo, fingerprint, dimension,"
            " collection, active, revision, created_at)"
            " VALUES ('old', 'old', false, %s, 8, 'old', false, 0, now())",
            FOREIGN,
        )
    finally:
        migrate()
    space = VectorSpace.objects.get()
    assert space.active
    assert space.activated_at
    assert (
        Embedding.objects.get(asset=foreign).vector is None
    )  # vectors of other encoders are dropped
    index()
    space.refresh_from_db()
    assert set(Embedding.objects.values_list("state", "space")) == {("indexed", space.pk)}
    assert store.count(collection=space.collection) == 3
    assert np.array_equal(store.vectors([kept.pk], collection=space.collection)[kept.pk], known)
    assert np.allclose(vector(foreign), real, atol=1e-3)
    for asset, word in ((kept, "xish"), (foreign, "yish"), (waiting, "zish")):
        found = fulltext.match(
            fulltext.parse(word), fulltext.compile_match(Asset.objects.all(), include=1)
        )
        assert [hit.id for hit in found] == [asset.pk]
