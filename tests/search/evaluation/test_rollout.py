"""Roll-out of an encoder on real parts: two encoders, PostgreSQL, Milvus Lite."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import astuple
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from assetbank.assets import update_asset
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec
from assetbank.models import Asset
from search import tasks
from search.encoders import DEMO_FOLDER, Background, EncoderUnavailable
from search.errors import SearchUnavailable
from search.evaluation import RolloutRefused, rollout
from search.indexing import collections, pipeline, space_encoders, spaces
from search.models import Embedding, GoldenQuestion, VectorSpace
from search.query import SearchQuery, embedding, search
from search.vectorstore import store
from tests.conftest import Cast, picture_bytes
from tests.support.checkpoints import save_small
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


@pytest.fixture
def assets(make_asset: MakeAsset, index: Index) -> list[Asset]:
    made = [make_asset() for _ in range(3)]
    index()
    return made


def active() -> VectorSpace:
    return VectorSpace.objects.get(active=True)


def built(model: Path | str, index: Index) -> VectorSpace:
    space = rollout.start_rollout(str(model))
    index()
    space.refresh_from_db()
    return space


def inside(space: VectorSpace) -> set[int]:
    ids = [pk for page in store.iter_ids(0, collection=space.collection) for pk in page]
    return set(ids)


# ------------------------------------------------------------------------ building


def test_a_second_space_is_built_while_the_first_one_serves(
    assets: list[Asset], index: Index, small: Path
) -> None:
    first = active()
    space = rollout.start_rollout(str(small))
    assert rollout.progress(space).total == 0  # not loaded yet
    assert index() == 3
    space.refresh_from_db()
    assert (space.dimension, space.active, space.problem) == (64, False, "")
    assert inside(space) == inside(first) == {asset.pk for asset in assets}
    assert active() == first
    told = rollout.progress(space)
    assert (told.total, told.indexed, told.done) == (3, 3, 3)


def test_what_comes_changes_and_goes_meanwhile_is_right_in_both(
    assets: list[Asset], index: Index, make_asset: MakeAsset, small: Path
) -> None:
    space = built(small, index)
    gone, changed, _ = assets
    gone_id = gone.pk
    new = make_asset()
    update_asset(asset=changed, kind="logo")
    delete_asset(asset=gone)
    index()
    for each in (active(), space):
        assert inside(each) == {changed.pk, assets[2].pk, new.pk}
        told = store.fetch([changed.pk], collection=each.collection)
        assert told[changed.pk]["kind"] == "logo"
    assert not Embedding.objects.filter(asset_id=gone_id).exists()


def test_uploads_go_before_what_is_built_beside_them(
    assets: list[Asset], index: Index, make_asset: MakeAsset, small: Path
) -> None:
    space = rollout.start_rollout(str(small))
    new = make_asset()
    tasks.index_waiting()
    assert new.pk in inside(active())
    space.refresh_from_db()
    assert space.embeddings.waiting().count() == 4
    tasks.index_left_behind(timestamp=0)
    assert new.pk in inside(space)


def test_building_goes_on_where_it_stopped(assets: list[Asset], small: Path) -> None:
    space = rollout.start_rollout(str(small))

    class Stopped(BaseException):
        """Ctrl-C, or a worker that is stopped."""

    def stop(done: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        pipeline.index_pending(batch_size=2, after_batch=stop)
    assert rollout.progress(space).done == 2
    assert rollout.start_rollout(str(small)) == space
    assert pipeline.index_pending() == 1
    assert rollout.is_built(VectorSpace.objects.get(pk=space.pk))


def test_an_encoder_that_cannot_be_loaded_says_so_and_disturbs_nobody(
    assets: list[Asset], index: Index, make_asset: MakeAsset, tmp_path: Path
) -> None:
    space = rollout.start_rollout(str(tmp_path))
    new = make_asset()
    index()
    assert new.pk in inside(active())
    space.refresh_from_db()
    assert "is not a CLIP checkpoint" in space.problem
    rollout.drop_space(space)


def test_the_same_weights_under_another_name_are_no_other_encoder(
    assets: list[Asset], index: Index, tmp_path: Path
) -> None:
    shutil.copytree(DEMO_FOLDER, tmp_path / "copy")
    space = built(tmp_path / "copy", index)
    assert space.problem == "This is the encoder of demo, under another name."
    with pytest.raises(RolloutRefused, match="demo is already the active encoder"):
        rollout.start_rollout("demo")


def test_what_needs_no_encoder_goes_on_where_it_is_gone(
    assets: list[Asset], index: Index, make_asset: MakeAsset, tmp_path: Path
) -> None:
    space = built(save_small(tmp_path / "small"), index)
    shutil.rmtree(tmp_path / "small")
    space_encoders.image_encoder.cache_clear()
    space_encoders._checkpoint.cache_clear()
    new = make_asset()
    update_asset(asset=assets[0], kind="logo")
    index()
    space.refresh_from_db()
    told = store.fetch([assets[0].pk], collection=space.collection)
    assert told[assets[0].pk]["kind"] == "logo"
    assert new.pk in inside(active())
    assert new.pk not in inside(space)
    assert "this folder does not exist" in space.embeddings.get(asset=new).reason
    assert "this folder does not exist" in space.problem


@pytest.mark.slow
def test_what_the_bundled_encoder_brings_along_is_what_would_be_measured() -> None:
    brought = Background.load(space_encoders._calibrated(str(DEMO_FOLDER)))
    measured = Background.load(space_encoders.recalibrate(str(DEMO_FOLDER)))
    assert np.allclose(brought.mean, measured.mean, atol=1e-3), "see train_demo_clip --measure"
    for kept, new in ((brought.text, measured.text), (brought.picture, measured.picture)):
        assert np.allclose(astuple(kept), astuple(new), rtol=0.05), "see train_demo_clip --measure"


# ------------------------------------------------------------------------ configured


def test_another_configured_encoder_is_built_beside_and_takes_over_by_itself(
    assets: list[Asset], index: Index, settings: Settings, twin: Path
) -> None:
    first = active()
    settings.CLIP_MODEL = str(twin)
    index()
    assert active() == first  # it serves until the other one is complete and evaluated
    rollout.advance_rollouts()
    assert active().model == str(twin)
    settings.CLIP_MODEL = "demo"
    index()
    rollout.advance_rollouts()
    assert active().model == str(twin)  # an existing space is not reactivated automatically


def test_weights_that_moved_to_another_folder_are_the_same_encoder(
    assets: list[Asset], index: Index, settings: Settings, twin: Path, tmp_path: Path
) -> None:
    rollout.activate_space(built(twin, index))
    before = active()
    moved = Path(shutil.copytree(twin, tmp_path / "moved"))
    settings.CLIP_MODEL = str(moved)
    assert index() == 0
    assert VectorSpace.objects.count() == 2
    assert (active().pk, active().source) == (before.pk, str(moved))


def test_any_clip_checkpoint_in_a_folder_is_where_an_installation_may_start(
    make_asset: MakeAsset, index: Index, settings: Settings, small: Path, cast: Cast
) -> None:
    settings.CLIP_MODEL = str(small)
    asset = make_asset(title="x")
    assert index() == 1
    assert (active().dimension, active().is_demo) == (64, False)
    page = search(person=cast.viewer, question=SearchQuery(text="anything"))
    assert [found.asset for found in page.found] == [asset]


# ------------------------------------------------------------------------ taking over


def test_search_is_never_empty_while_another_encoder_takes_over(
    assets: list[Asset], index: Index, twin: Path
) -> None:
    everything = {asset.pk for asset in assets}
    space = built(twin, index)  # of the same dimension: a query vector fits both
    answers: list[set[int]] = []
    enough = Event()

    def ask() -> None:
        """Search through the alias, as code does that knows nothing of spaces."""
        vector = np.ones(space.dimension, np.float32)
        while not enough.is_set():
            answers.append({hit.id for hit in store.search(vector, limit=50, where="")})

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        rollout.activate_space(space)
        assert store.collection_behind_alias() == active().collection == space.collection
        for model in ("demo", str(twin), "demo", str(twin)):
            assert rollout.rollback().model == model
        enough.set()
        asking.result(timeout=20)
    assert answers
    assert all(answer == everything for answer in answers)


def test_a_process_that_dies_between_alias_and_row_is_mended(
    assets: list[Asset], index: Index, small: Path
) -> None:
    space = built(small, index)
    store.point_alias(space.collection)  # the first half of taking over
    spaces.ensure_active_space()
    assert store.collection_behind_alias() == active().collection != space.collection
    store.point_alias(space.collection)
    rollout.advance_rollouts()
    assert active() == space  # the second half
    assert store.collection_behind_alias() == space.collection


def test_what_was_rolled_back_stays_up_to_date_and_away(
    assets: list[Asset], index: Index, make_asset: MakeAsset, twin: Path
) -> None:
    space = built(twin, index)
    rollout.activate_space(space)
    rollout.rollback()
    new = make_asset()
    index()
    rollout.advance_rollouts()
    assert active().model == "demo"
    assert new.pk in inside(space)
    assert rollout.start_rollout(str(twin)) == space  # requested again, it takes over again
    rollout.advance_rollouts()
    assert active() == space


def test_an_encoder_that_is_gone_does_not_take_over_and_holds_up_nobody(
    shop: list[Asset], index: Index, twin: Path, tmp_path: Path
) -> None:
    gone = rollout.start_rollout(str(save_small(tmp_path / "gone")))
    space = built(twin, index)
    shutil.rmtree(tmp_path / "gone")
    rollout.advance_rollouts()
    assert active() == space
    gone.refresh_from_db()
    assert "this folder does not exist" in gone.problem
    VectorSpace.objects.filter(pk=gone.pk).update(activated_at=timezone.now())
    with pytest.raises(EncoderUnavailable, match="this folder does not exist"):
        rollout.rollback()
    assert active() == space


def test_texts_are_not_encoded_by_other_weights_than_pictures(
    shop: list[Asset], twin: Path
) -> None:
    replaced = active()
    replaced.source = str(twin)
    with pytest.raises(SearchUnavailable, match="no longer contains the encoder"):
        embedding.text_vector(replaced, "a bag")


def test_a_person_overrules_the_gate_and_leaves_no_gap(
    assets: list[Asset], index: Index, small: Path, make_asset: MakeAsset
) -> None:
    space = built(small, index)
    space.embeddings.filter(asset=assets[0]).mark_pending()
    with pytest.raises(RolloutRefused, match="1 of 3 assets"):
        rollout.replace_active(space)
    index()
    rollout.replace_active(space)
    assert active() == space


def test_a_space_is_dropped_on_command_only_and_never_the_one_in_use(
    assets: list[Asset], index: Index, settings: Settings, twin: Path
) -> None:
    first, space = active(), built(twin, index)
    rollout.activate_space(space)
    with pytest.raises(RolloutRefused, match="is active"):
        rollout.drop_space(space)
    with pytest.raises(RolloutRefused, match="is set in CLIP_MODEL"):
        rollout.drop_space(first)
    settings.CLIP_MODEL = str(twin)
    collections.drop_unused()
    assert store.exists(first.collection)
    rollout.drop_space(first)
    assert not store.exists(first.collection)
    assert set(Embedding.objects.values_list("space", flat=True)) == {space.pk}
    with pytest.raises(RolloutRefused, match="no previous encoder"):
        rollout.rollback()
    with pytest.raises(RolloutRefused, match="was deleted in the meantime"):
        rollout.activate_space(first)


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_commits_while_a_space_is_dropped_is_kept(
    make_asset: MakeAsset, index: Index
) -> None:
    VectorSpace.objects.create(model="demo", active=True)
    space = VectorSpace.objects.create(model="other")
    saved, go_on = Event(), Event()

    def upload() -> Asset:
        try:
            with transaction.atomic():
                asset = make_asset()
                saved.set()
                go_on.wait(20)
            return asset
        finally:
            connection.close()

    def drop() -> None:
        try:
            rollout.drop_space(space)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        uploading = pool.submit(upload)
        assert saved.wait(20)
        dropping = pool.submit(drop)
        assert not wait([dropping], timeout=0.3).done  # until the upload has its row
        go_on.set()
        asset = uploading.result(timeout=20)
        dropping.result(timeout=20)
    assert [row.space.model for row in Embedding.objects.filter(asset=asset)] == ["demo"]


# ------------------------------------------------------------------------ the gate


@pytest.fixture
def shop(make_asset: MakeAsset, index: Index, cast: Cast) -> list[Asset]:
    """Products that the demo encoder knows, without words about them, and golden queries."""
    made = []
    for obj in ("handbag", "teapot", "watch", "hat"):
        data = io.BytesIO()
        render(Spec(obj, "red", seed=1), 256).save(data, "PNG")
        made.append(make_asset(file=data.getvalue(), title="One of ours", filename="x.png"))
        question = GoldenQuestion.objects.create(brand=cast.acme, question=f"q={obj}")
        question.expected.set(made[-1:])
    index()
    return made


def test_an_encoder_that_answers_worse_does_not_take_over(
    shop: list[Asset], index: Index, small: Path
) -> None:
    space = built(small, index)
    rollout.advance_rollouts()
    space.refresh_from_db()
    gate = space.gate
    assert not space.active, gate
    assert (gate["passes"], gate["questions"], gate["coverage"]) == (False, 4, 1.0)
    assert gate["new"]["ndcg"] < gate["old"]["ndcg"] == 1.0
    assert any("nDCG@10 falls from 1.000" in each for each in gate["why"])
    GoldenQuestion.objects.all().delete()  # the basis of its evaluation has changed
    rollout.advance_rollouts()
    assert active() == space


def test_an_encoder_that_answers_as_well_takes_over(
    shop: list[Asset], index: Index, twin: Path
) -> None:
    space = built(twin, index)
    rollout.advance_rollouts()
    space.refresh_from_db()
    assert space.active
    assert space.gate["new"]["ndcg"] >= space.gate["old"]["ndcg"]


def test_golden_questions_that_cannot_be_asked_any_more_hold_up_nothing(
    shop: list[Asset], index: Index, twin: Path, cast: Cast, make_asset: MakeAsset
) -> None:
    tiny = make_asset(file=picture_bytes(size=(4, 4)))  # skipped, so it has no vector
    for asked in (f"like={tiny.pk}", "q=-red"):
        golden = GoldenQuestion.objects.create(brand=cast.acme, question=asked)
        golden.expected.set(shop[:1])
    space = built(twin, index)
    rollout.advance_rollouts()
    space.refresh_from_db()
    assert space.active
    assert space.gate["questions"] == len(shop)


def test_what_could_not_be_found_any_more_is_counted_and_named(
    assets: list[Asset], index: Index, small: Path
) -> None:
    space = built(small, index)
    space.embeddings.filter(asset=assets[1]).update(state="failed", reason="Damaged.")
    gate = rollout.run_gate(space)
    assert (gate["passes"], gate["covered"], gate["of"]) == (False, 2, 3)
    assert gate["why"] == ["1 of 3 assets would no longer be indexed."]
    (lost,) = gate["lacking"]
    assert (lost["asset_id"], lost["reason"]) == (assets[1].pk, "Damaged.")
    assert str(rollout.progress(space)) == "2 of 3 indexed, 1 failed"
    rollout.advance_rollouts()
    assert not VectorSpace.objects.get(pk=space.pk).active


# ------------------------------------------------------------------------ the command


def test_the_command_builds_shows_the_gate_and_takes_over(
    assets: list[Asset], twin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("switch_encoder", str(twin), "--work")
    said = capsys.readouterr().out
    assert "Coverage" in said
    assert "only coverage is compared" in said
    assert f"{twin} is active now" in said
    call_command("switch_encoder", "--status")
    said = capsys.readouterr().out
    assert "demo" in said
    assert "active" in said
    call_command("switch_encoder", "--rollback")
    assert active().model == "demo"
    with pytest.raises(CommandError, match="demo is active"):
        call_command("switch_encoder", "--drop", "demo")
    call_command("switch_encoder", "--drop")
    assert VectorSpace.objects.get() == active()


def test_the_command_refuses_with_a_sentence_and_can_be_forced(
    shop: list[Asset], small: Path, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="--force"):
        call_command("switch_encoder", str(small), "--work")
    assert active().model == "demo"
    call_command("switch_encoder", str(small), "--work", "--force")
    assert active().model == str(small)
    with pytest.raises(CommandError, match="this folder does not exist"):
        call_command("switch_encoder", str(tmp_path / "nowhere"), "--work")
    with pytest.raises(CommandError, match="No index worker is running"):
        call_command("switch_encoder", str(tmp_path))
    with pytest.raises(CommandError, match="Enter an encoder"):
        call_command("switch_encoder")
