"""The indexing pipeline on real parts: PostgreSQL, Milvus Lite, the demo encoder."""

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

from assetbank.assets import read_original, update_asset
from assetbank.models import Asset
from search.encoders import EncoderUnavailable
from search.evaluation import rollout
from search.indexing import entities, leases, pipeline, spaces
from search.models import Embedding, Vector, VectorSpace
from search.vectorstore import VectorStoreUnavailable, schema, store
from search.vectorstore import connection as connection_module
from tests.conftest import Cast, picture_bytes
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def state(asset: Asset) -> tuple[str, str]:
    row = Embedding.objects.get(asset_id=asset.pk, space__active=True)
    return row.state, row.reason


def inside(space: VectorSpace) -> set[int]:
    return {pk for page in store.iter_ids(0, collection=space.collection) for pk in page}


def kept(asset: Asset) -> Vector:
    vector = Embedding.objects.get(asset_id=asset.pk).vector
    assert vector is not None
    return vector


def queued_index_jobs() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'index'")
        return int(cursor.fetchone()[0])


@pytest.fixture
def space(db: None) -> VectorSpace:
    """Active space, whose encoder is not loaded yet."""
    return VectorSpace.objects.create(model="demo", active=True)


def test_an_asset_waits_with_a_job_as_soon_as_it_is_saved(
    space: VectorSpace, make_asset: MakeAsset
) -> None:
    before = queued_index_jobs()  # tests with committed transactions leave some
    asset = make_asset(status="draft")
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
        assert store.fetch([asset.pk])[asset.pk] == entities.scalars(asset)
    assert VectorSpace.objects.get(active=True).is_demo


def test_changing_only_what_is_said_never_runs_clip(make_asset: MakeAsset, index: Index) -> None:
    asset = make_asset()
    index()
    vector = kept(asset)
    default_storage.delete(asset.path)  # decoding it now fails
    update_asset(asset=asset, kind="logo", tags=["Größe"], expires_on=datetime.date(2027, 1, 2))
    assert index() == 1
    assert state(asset) == ("indexed", "")
    found = store.fetch([asset.pk])[asset.pk]
    assert (found["kind"], found["tags"]) == ("logo", ["größe"])
    assert found["expires"] < schema.NEVER
    assert np.array_equal(kept(asset), vector)


def test_a_deleted_asset_leaves_milvus_and_then_its_row_goes(
    make_asset: MakeAsset, index: Index
) -> None:
    asset, other = make_asset(), make_asset()
    index()
    pk = asset.pk
    delete_asset(asset=asset)
    assert Embedding.objects.get(asset_id=pk).state == "removing"
    assert index() == 1
    assert store.fetch([pk, other.pk]).keys() == {other.pk}
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
    for asset in (gone, damaged):  # without it, the original is read
        default_storage.delete(asset.rendition_path("encoder"))
    index()
    assert state(good) == ("indexed", "")
    assert state(gone) == ("failed", "The original file is missing from the storage.")
    assert state(damaged)[0] == "failed"
    assert "not a supported image" in state(damaged)[1]
    assert state(small) == ("skipped", "Skipped: smaller than 8 pixels.")


def test_a_failed_asset_can_be_tried_again(make_asset: MakeAsset, index: Index) -> None:
    asset = make_asset()
    data = read_original(asset)
    default_storage.delete(asset.path)
    default_storage.delete(asset.rendition_path("encoder"))
    index()
    with default_storage.open(asset.path, "wb") as file:
        file.write(data)
    assert index() == 0  # it is not retried automatically for ever
    pipeline.reindex([asset.pk])
    index()
    assert state(asset) == ("indexed", "")


def test_a_row_that_changes_while_it_is_indexed_is_indexed_again(
    make_asset: MakeAsset, index: Index
) -> None:
    asset = make_asset()
    space = spaces.ensure_active_space()
    jobs = leases.claim(space, 10)
    with ThreadPoolExecutor(1) as pool:
        outcome = pipeline._process(pipeline._IndexRun().start_decoding(jobs, space, pool), space)
    update_asset(asset=asset, kind="logo")
    leases.finish(outcome, space)
    assert state(asset)[0] == "pending"
    index()
    assert store.fetch([asset.pk])[asset.pk]["kind"] == "logo"


def test_two_workers_never_hold_the_same_row(space: VectorSpace, make_asset: MakeAsset) -> None:
    for _ in range(4):
        make_asset()
    first = {job.asset.pk for job in leases.claim(space, 3) if job.asset}
    second = {job.asset.pk for job in leases.claim(space, 3) if job.asset}
    assert len(first) == 3
    assert len(second) == 1
    assert not first & second


def test_a_dead_workers_rows_go_to_another_when_the_lease_ends(
    space: VectorSpace, make_asset: MakeAsset
) -> None:
    make_asset()
    assert leases.claim(space, 10)
    assert leases.claim(space, 10) == []
    Embedding.objects.update(claimed_until=timezone.now() - datetime.timedelta(seconds=1))
    assert len(leases.claim(space, 10)) == 1


def test_a_picture_that_kills_its_worker_is_tried_alone_and_then_given_up(
    space: VectorSpace, make_asset: MakeAsset, index: Index
) -> None:
    killer, bystander = make_asset(), make_asset()
    Embedding.objects.filter(asset_id=killer.pk).update(attempts=2)
    Embedding.objects.filter(asset_id=bystander.pk).update(attempts=2)
    assert len(leases.claim(space, 10)) == 1
    Embedding.objects.update(claimed_until=None)
    Embedding.objects.filter(asset_id=killer.pk).update(attempts=leases.MAX_ATTEMPTS)
    index()
    assert state(killer)[0] == "failed"
    assert "crashed the worker" in state(killer)[1]
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
    connection_module.reset()
    with pytest.raises(VectorStoreUnavailable):
        index()
    assert state(asset)[0] == "pending"
    assert "is not responding" in state(asset)[1]
    settings.MILVUS_URI = ""
    connection_module.reset()
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


def test_a_row_that_milvus_refuses_fails_alone(
    make_asset: MakeAsset, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, *good = [make_asset() for _ in range(4)]
    scalars = entities.scalars

    def wrong(asset: Asset) -> Any:
        return {**scalars(asset), **({"width": "wide"} if asset == bad else {})}

    monkeypatch.setattr(entities, "scalars", wrong)
    index()
    assert state(bad)[0] == "failed"
    assert "rejected" in state(bad)[1]
    assert {state(asset) for asset in good} == {("indexed", "")}
    assert store.count() == 3


@pytest.mark.parametrize("spaces_kept", [1, 3])
def test_saving_an_asset_costs_as_much_however_many_spaces_there_are(
    make_asset: MakeAsset, space: VectorSpace, spaces_kept: int
) -> None:
    for number in range(1, spaces_kept):
        VectorSpace.objects.create(model=f"other {number}")
    asset = make_asset(status="draft")
    assert Embedding.objects.filter(asset=asset).count() == spaces_kept
    with CaptureQueriesContext(connection) as captured:
        asset.save()
    assert [said["sql"].split()[0] for said in captured] == ["UPDATE", "UPDATE", "SELECT"]
    assert Embedding.objects.filter(version=1).count() == spaces_kept
    with CaptureQueriesContext(connection) as captured:
        asset.delete()
    changed = [said["sql"] for said in captured if 'UPDATE "search_embedding"' in said["sql"]]
    assert len(changed) == 1
    assert set(Embedding.objects.values_list("state", flat=True)) == {"removing"}


# ------------------------------------------------------------------------ the brand's policy


def test_the_brand_decides_which_generated_pictures_are_found(
    make_asset: MakeAsset, index: Index, cast: Cast, small: Path
) -> None:
    brand = cast.acme
    draft = make_asset(origin=Asset.Origin.GENERATED, status="draft")
    approved = make_asset(origin=Asset.Origin.GENERATED, status="approved")
    tiny = make_asset(origin=Asset.Origin.GENERATED, file=picture_bytes(size=(4, 4)))
    upload = make_asset()
    theirs = make_asset(origin=Asset.Origin.GENERATED, brand=cast.other)
    index()
    space = rollout.start_rollout(str(small))
    index()
    space.refresh_from_db()
    kept = dict(Embedding.objects.values_list("pk", "vector_bytes"))

    def after(policy: str) -> set[int]:
        brand.search_generated = policy
        brand.save()
        index()
        assert inside(spaces.ensure_active_space()) == inside(space)
        return inside(spaces.ensure_active_space()) - {upload.pk, theirs.pk}

    assert after("approved") == {approved.pk}
    assert state(draft) == (
        "skipped",
        "Skipped: Acme includes generated images in search only once they are approved.",
    )
    assert after("none") == set()
    assert state(approved)[1] == "Skipped: Acme excludes generated images from search."
    assert after("approved") == {approved.pk}
    update_asset(asset=draft, status="approved", deciding=True)
    index()
    assert draft.pk in inside(spaces.ensure_active_space())
    for asset in (draft, approved):
        read_original(asset)
        asset.file.storage.delete(asset.path)  # embedding it again now fails
    after("none")
    assert after("all") == {draft.pk, approved.pk}
    assert dict(Embedding.objects.values_list("pk", "vector_bytes")) == kept
    assert state(tiny) == ("skipped", "Skipped: smaller than 8 pixels.")
    versions = list(Embedding.objects.order_by("pk").values_list("version", flat=True))
    brand.style = "Warm light."
    brand.save()
    assert list(Embedding.objects.order_by("pk").values_list("version", flat=True)) == versions
