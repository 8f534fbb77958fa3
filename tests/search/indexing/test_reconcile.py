"""Reconciliation of Milvus with PostgreSQL, both real."""

from __future__ import annotations

import tracemalloc
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from assetbank.models import Asset, Brand
from search.evaluation import rollout
from search.indexing import collections, entities, reconcile, spaces
from search.models import Embedding, VectorSpace
from search.vectorstore import connection as connection_module
from search.vectorstore import schema, store
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def no_clip() -> None:
    """Delete all originals, so that decoding fails."""
    for asset in Asset.objects.all():
        default_storage.delete(asset.path)


def active() -> VectorSpace:
    return VectorSpace.objects.get(active=True)


def states() -> set[str]:
    return set(Embedding.objects.values_list("state", flat=True))


def test_a_milvus_that_lost_everything_is_filled_again_without_clip(
    make_asset: MakeAsset, index: Index
) -> None:
    assets = [make_asset() for _ in range(3)]
    index()
    no_clip()
    store.drop_others(keep=[])
    connection_module.reset()
    assert index() == 0  # nothing is pending; only the periodic check finds it
    assert reconcile.check_index(fix=True).sound
    index()
    assert store.fetch([asset.pk for asset in assets]).keys() == {asset.pk for asset in assets}
    assert states() == {"indexed"}


def test_a_collection_that_is_gone_is_made_anew_by_the_next_upload(
    make_asset: MakeAsset, index: Index
) -> None:
    first = make_asset()
    index()
    store.drop(active().collection)
    second = make_asset()
    index()
    assert store.fetch([first.pk, second.pk]).keys() == {first.pk, second.pk}
    assert reconcile.check_index().sound


def test_check_finds_and_mends_what_differs_either_way(
    make_asset: MakeAsset, index: Index, cast: Cast
) -> None:
    lost, changed, sound, deleted = (make_asset() for _ in range(4))
    index()
    no_clip()
    vector = np.array([1] + [0] * 255, np.float32)
    store.upsert([store.Row(99_999, vector, entities.scalars(sound))])
    store.delete([lost.pk])
    Asset.objects.filter(pk=changed.pk).update(  # sends no signal
        colour_cells=[7], created_by=None, preset="square"
    )
    Embedding.objects.filter(asset_id=sound.pk).delete()
    Asset.objects.filter(pk=deleted.pk)._raw_delete("default")  # sends no signal, either
    report = reconcile.check_index()
    assert report.counts == {
        "without embedding": 1,
        "missing in Milvus": 1,
        "scalars differ": 1,
        "stray in Milvus": 3,  # including the asset without a row
    }
    assert report.spaces[0].examples["scalars differ"] == [changed.pk]
    assert reconcile.check_index(fix=True).counts == report.counts | {"stray in Milvus": 2}
    index()
    assert not Embedding.objects.filter(asset_id=deleted.pk).exists()
    found = store.fetch([changed.pk, lost.pk, 99_999])
    assert found.keys() == {changed.pk, lost.pk}
    told = found[changed.pk]
    assert (told["colours"], told["created_by"], told["preset"]) == ([7], schema.NOBODY, "square")


def test_every_space_is_checked_and_the_report_says_which(
    make_asset: MakeAsset, index: Index, small: Path
) -> None:
    asset = make_asset()
    index()
    space = rollout.start_rollout(str(small))
    index()
    space.refresh_from_db()
    store.delete([asset.pk], collection=space.collection)
    report = reconcile.check_index(fix=True)
    wrong = {each.space.model: each.counts["missing in Milvus"] for each in report.spaces}
    assert wrong == {"demo": 0, str(small): 1}
    index()
    assert reconcile.check_index().sound


def test_rebuilding_needs_no_clip_and_leaves_one_collection(
    make_asset: MakeAsset, index: Index
) -> None:
    assets = [make_asset() for _ in range(3)]
    index()
    before = active().collection
    no_clip()
    assert reconcile.rebuild_index() == 3
    assert active().collection != before
    assert store.collection_behind_alias() == active().collection
    assert not store.exists(before)
    assert store.fetch([a.pk for a in assets]).keys() == {a.pk for a in assets}
    assert reconcile.check_index().sound


def test_other_fields_in_milvus_are_another_collection_while_the_old_one_serves(
    make_asset: MakeAsset, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = make_asset()
    index()
    before = active().collection
    no_clip()
    monkeypatch.setattr(schema, "SCHEMA", "newer")
    spaces.ensure_active_space()
    assert "_newer_" in active().collection
    assert store.collection_behind_alias() == active().collection
    assert store.exists(before)  # queries may still run on it
    reconcile.check_index(fix=True)
    assert not store.exists(before)
    assert store.count() == 1
    assert store.fetch([asset.pk])


def test_one_process_at_a_time_builds_collections_and_the_others_go_on(
    make_asset: MakeAsset, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_asset()
    index()
    before = active().collection
    address = connection.get_connection_params()
    monkeypatch.setattr(schema, "SCHEMA", "newer")
    with psycopg.connect(
        host=address["host"], dbname=address["dbname"], user=address["user"]
    ) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('search.collections'))")
        assert spaces.ensure_active_space().collection == before
        make_asset()
        assert index() == 1
        with pytest.raises(collections.CollectionLocked):
            reconcile.rebuild_index()
    spaces.ensure_active_space()
    assert active().collection != before
    assert store.count() == 2


def test_what_changes_while_a_collection_is_filled_is_not_lost(
    make_asset: MakeAsset, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, other = make_asset(), make_asset()
    index()

    def change(done: int, total: int) -> None:
        if done == total:  # after the copy, like another worker, into the old collection
            Asset.objects.get(pk=asset.pk).delete()
            changed = Asset.objects.get(pk=other.pk)
            changed.kind = "logo"
            changed.save()
            index()

    space = active()
    assert collections.rebuild(space, progress=change) == 2
    index()
    assert store.fetch([other.pk])[other.pk]["kind"] == "logo"
    reconcile.check_index(fix=True)
    assert store.fetch([asset.pk, other.pk]).keys() == {other.pk}
    assert reconcile.check_index().sound


def many_assets(brand: Brand, count: int) -> None:
    """Insert assets and vectors directly, without images and CLIP."""
    space = active()
    vectors = np.random.default_rng(1).standard_normal((count, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assets = Asset.objects.bulk_create(
        Asset(
            brand=brand,
            title=f"Row {n}",
            filename="x.jpg",
            file="x.jpg",
            checksum=uuid.uuid4().hex * 2,
            mime="image/jpeg",
            width=400,
            height=500,
            bytes=1,
        )
        for n in range(count)
    )
    Embedding.objects.bulk_create(
        Embedding(
            asset=asset,
            space=space,
            state="indexed",
            checksum=asset.checksum,
            vector_bytes=vector.tobytes(),
        )
        for asset, vector in zip(assets, vectors, strict=True)
    )


def test_checking_and_rebuilding_take_no_more_memory_for_more_assets(
    index: Index, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "PAGE", 100)
    monkeypatch.setattr(reconcile, "PAGE", 100)
    index()

    def peak(work: Callable[[], object]) -> int:
        tracemalloc.start()
        work()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peaks = []
    for added in (300, 1_200):
        many_assets(cast.acme, added)
        rebuilt = peak(lambda: collections.rebuild(active()))
        peaks.append((rebuilt, peak(reconcile.check_index)))
    assert store.count() == 1_500
    for few, many in zip(*peaks, strict=True):
        assert many < 1.5 * few


def test_the_commands_say_what_is_wrong_and_put_it_right(
    make_asset: MakeAsset, index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    asset = make_asset()
    index()
    store.delete([asset.pk])
    with pytest.raises(CommandError, match="--fix"):
        call_command("check_index")
    assert f"1 missing in Milvus: {asset.pk}" in capsys.readouterr().out
    call_command("check_index", "--fix")
    index()
    call_command("check_index")
    assert "All 1 indexed assets are right." in capsys.readouterr().out
    call_command("rebuild_index")
    assert "demo: 1 vectors in a new collection" in capsys.readouterr().out
