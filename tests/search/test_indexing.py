"""Walk 1 on the real parts: PostgreSQL, Milvus Lite, the demo encoder."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from assetbank import intake
from assetbank.models import Asset
from search import indexing, milvus, queries, repair, spaces
from search.checkpoints import EncoderUnavailable
from search.models import Embedding, Vector, VectorSpace
from search.questions import Question
from tests.conftest import Cast, picture_bytes

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def state(asset: Asset) -> tuple[str, str]:
    row = Embedding.objects.get(asset_id=asset.pk)
    return row.state, row.reason


def kept(asset: Asset) -> Vector:
    vector = Embedding.objects.get(asset_id=asset.pk).vector
    assert vector is not None
    return vector


def queued_index_jobs() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'index'")
        return int(cursor.fetchone()[0])


def test_an_asset_waits_with_a_job_as_soon_as_it_is_saved(make_asset: MakeAsset) -> None:
    before = queued_index_jobs()  # other tests, with transactions of their own, leave some
    asset = make_asset()
    assert state(asset) == ("pending", "")
    assert queued_index_jobs() == before + 1


def test_waiting_assets_become_findable_with_unit_vectors_in_postgres(
    make_asset: MakeAsset, index: Index
) -> None:
    assets = [make_asset() for _ in range(5)]
    assert index() == 5
    assert index() == 0
    for asset in assets:
        row = Embedding.objects.get(asset_id=asset.pk)
        assert (row.state, row.checksum) == ("indexed", asset.checksum)
        assert row.vector is not None
        assert abs(float(np.linalg.norm(row.vector)) - 1) < 1e-5
        assert milvus.fetch([asset.pk])[asset.pk] == indexing.scalars(asset)
    assert VectorSpace.objects.get(active=True).is_demo


def test_changing_only_what_is_said_never_runs_clip(make_asset: MakeAsset, index: Index) -> None:
    asset = make_asset()
    index()
    vector = kept(asset)
    default_storage.delete(asset.path)  # whoever decodes it now fails
    intake.update(asset=asset, kind="logo", tags=["Größe"], expires_on=datetime.date(2027, 1, 2))
    assert index() == 1
    assert state(asset) == ("indexed", "")
    found = milvus.fetch([asset.pk])[asset.pk]
    assert (found["kind"], found["tags"]) == ("logo", ["größe"])
    assert found["expires"] < milvus.NEVER
    assert np.array_equal(kept(asset), vector)


def test_a_deleted_asset_leaves_milvus_and_then_its_row_goes(
    make_asset: MakeAsset, index: Index
) -> None:
    asset, other = make_asset(), make_asset()
    index()
    pk = asset.pk
    intake.remove(asset=asset)
    assert Embedding.objects.get(asset_id=pk).state == "removing"
    assert index() == 1
    assert milvus.fetch([pk, other.pk]).keys() == {other.pk}
    assert not Embedding.objects.filter(asset_id=pk).exists()


def test_a_bad_file_fails_with_a_reason_and_does_not_stop_the_rest(
    make_asset: MakeAsset, index: Index
) -> None:
    gone, damaged, small, good = (
        make_asset(),
        make_asset(),
        make_asset(file=picture_bytes(size=(4, 4))),
        make_asset(),
    )
    default_storage.delete(gone.path)
    with default_storage.open(damaged.path, "wb") as file:
        file.write(b"rotten")
    index()
    assert state(good) == ("indexed", "")
    assert state(gone) == ("failed", "The original file is gone from the storage.")
    assert state(damaged)[0] == "failed"
    assert "not a picture" in state(damaged)[1]
    assert state(small) == ("skipped", "Left out: smaller than 8 pixels.")


def test_a_failed_asset_can_be_tried_again(make_asset: MakeAsset, index: Index) -> None:
    asset = make_asset()
    data = intake.original_bytes(asset)
    default_storage.delete(asset.path)
    index()
    with default_storage.open(asset.path, "wb") as file:
        file.write(data)
    assert index() == 0  # by itself, it is not tried for ever
    indexing.request_index([asset.pk])
    index()
    assert state(asset) == ("indexed", "")


def test_a_row_that_changes_while_it_is_indexed_is_indexed_again(
    make_asset: MakeAsset, index: Index
) -> None:
    asset = make_asset()
    space = spaces.open_active()
    jobs = indexing._claim(10)
    with ThreadPoolExecutor(1) as pool:
        indexing._start(jobs, space, pool)
        outcome = indexing._process(jobs, space)
    intake.update(asset=asset, kind="logo")
    indexing._finish(outcome, space)
    assert state(asset)[0] == "pending"
    index()
    assert milvus.fetch([asset.pk])[asset.pk]["kind"] == "logo"


def test_two_workers_never_hold_the_same_row(make_asset: MakeAsset) -> None:
    for _ in range(4):
        make_asset()
    first = {job.asset.pk for job in indexing._claim(3) if job.asset}
    second = {job.asset.pk for job in indexing._claim(3) if job.asset}
    assert len(first) == 3
    assert len(second) == 1
    assert not first & second


def test_a_dead_workers_rows_go_to_another_when_the_lease_ends(make_asset: MakeAsset) -> None:
    make_asset()
    assert indexing._claim(10)
    assert indexing._claim(10) == []
    Embedding.objects.update(claimed_until=timezone.now() - datetime.timedelta(seconds=1))
    assert len(indexing._claim(10)) == 1


def test_a_picture_that_kills_its_worker_is_tried_alone_and_then_given_up(
    make_asset: MakeAsset, index: Index
) -> None:
    killer, bystander = make_asset(), make_asset()
    Embedding.objects.filter(asset_id=killer.pk).update(attempts=2)
    Embedding.objects.filter(asset_id=bystander.pk).update(attempts=2)
    assert len(indexing._claim(10)) == 1
    Embedding.objects.update(claimed_until=None)
    Embedding.objects.filter(asset_id=killer.pk).update(attempts=indexing.MOST_ATTEMPTS)
    index()
    assert state(killer)[0] == "failed"
    assert "ended the worker" in state(killer)[1]
    assert state(bystander)[0] == "indexed"


def test_work_per_batch_does_not_grow_with_its_size(make_asset: MakeAsset, index: Index) -> None:
    make_asset()
    index()

    def queries(count: int) -> int:
        for _ in range(count):
            make_asset()
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert index() == count
        return len(captured)

    assert queries(2) == queries(12)


def test_milvus_down_leaves_rows_waiting_with_the_reason_and_keeps_the_vectors(
    make_asset: MakeAsset, index: Index, settings: Settings
) -> None:
    make_asset()
    index()
    asset = make_asset()
    settings.MILVUS_URI = "http://127.0.0.1:1"
    milvus.reset()
    with pytest.raises(milvus.MilvusDown):
        index()
    assert state(asset)[0] == "pending"
    assert "does not answer" in state(asset)[1]
    settings.MILVUS_URI = ""
    milvus.reset()
    assert index() == 1
    assert state(asset) == ("indexed", "")


def test_without_an_encoder_rows_wait_and_say_so(
    make_asset: MakeAsset, index: Index, settings: Settings
) -> None:
    settings.CLIP_MODEL = "/nowhere/clip"
    asset = make_asset()
    with pytest.raises(EncoderUnavailable):
        index()
    assert state(asset)[0] == "pending"
    assert "/nowhere/clip" in state(asset)[1]


# ------------------------------------------------------------------------ repair


def no_clip() -> None:
    """From here on, whoever decodes fails loudly: the pictures are gone."""
    for asset in Asset.objects.all():
        default_storage.delete(asset.path)


def test_a_milvus_that_lost_everything_is_filled_again_without_clip(
    make_asset: MakeAsset, index: Index
) -> None:
    assets = [make_asset() for _ in range(3)]
    index()
    no_clip()
    milvus.drop_others(keep="")
    milvus.reset()
    assert index() == 0  # nothing waits, so nobody looks; the periodic check does
    report = repair.check(fix=True)
    assert index() == 3
    assert repair.check().sound
    assert milvus.count() == 3
    assert report.checked == 0
    assert {state(asset) for asset in assets} == {("indexed", "")}


def test_check_finds_and_mends_what_differs_either_way(
    make_asset: MakeAsset, index: Index, cast: Cast
) -> None:
    lost, changed, sound = make_asset(), make_asset(), make_asset()
    index()
    no_clip()
    vector = np.array([1] + [0] * 255, np.float32)
    milvus.upsert([milvus.Row(99_999, vector, indexing.scalars(sound))])
    milvus.delete([lost.pk])
    Asset.objects.filter(pk=changed.pk).update(kind="logo")  # passes no signal
    Embedding.objects.filter(asset_id=sound.pk).delete()
    report = repair.check()
    assert report.counts == {
        "without embedding": 1,
        "missing in Milvus": 1,
        "scalars differ": 1,
        "stray in Milvus": 2,  # to Milvus, an asset without a row here is a stray
    }
    assert repair.check(fix=True).counts == report.counts | {"stray in Milvus": 1}
    index()
    assert milvus.fetch([changed.pk])[changed.pk]["kind"] == "logo"
    assert milvus.fetch([lost.pk, 99_999]).keys() == {lost.pk}


def test_rebuilding_needs_no_clip_and_leaves_one_collection(
    make_asset: MakeAsset, index: Index
) -> None:
    assets = [make_asset() for _ in range(3)]
    index()
    before = VectorSpace.objects.get(active=True).collection
    no_clip()
    assert repair.rebuild() == 3
    space = VectorSpace.objects.get(active=True)
    assert space.collection != before
    assert milvus.collection_behind_alias() == space.collection
    assert milvus.fetch([a.pk for a in assets]).keys() == {a.pk for a in assets}
    assert repair.check().sound


def test_any_clip_checkpoint_in_a_folder_indexes_and_answers(
    make_asset: MakeAsset, index: Index, settings: Settings, vit_b32: Path, cast: Cast
) -> None:
    settings.CLIP_MODEL = str(vit_b32)
    asset = make_asset()
    assert index() == 1
    space = VectorSpace.objects.get(active=True)
    assert (space.dimension, space.is_demo) == (512, False)
    page = queries.find(person=cast.viewer, question=Question(text="anything"))
    assert [found.asset for found in page.found] == [asset]


def test_another_encoder_gets_a_collection_of_its_own(
    make_asset: MakeAsset, index: Index, settings: Settings, tmp_path: Any
) -> None:
    import shutil

    from search.checkpoints import DEMO_FOLDER

    asset = make_asset()
    index()
    first = VectorSpace.objects.get(active=True)
    other = tmp_path / "checkpoint"
    shutil.copytree(DEMO_FOLDER, other)
    config = other / "preprocessor_config.json"
    config.write_text(config.read_text().replace('"resample": 3', '"resample": 2'))
    settings.CLIP_MODEL = str(other)
    indexing.request_index([asset.pk])
    index()
    second = VectorSpace.objects.get(active=True)
    assert second.fingerprint != first.fingerprint
    row = Embedding.objects.get(asset_id=asset.pk)
    assert (row.fingerprint, row.state) == (second.fingerprint, "indexed")
