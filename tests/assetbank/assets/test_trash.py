"""The trash: what goes there comes back as it was, or goes for good with its files."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from assetbank import hooks, tasks
from assetbank.assets import approval, collections, ingest_asset, merge, trash, update_asset
from assetbank.errors import AssetGone, AssetInTrash
from assetbank.models import Asset, Collection, Decision
from tests.conftest import Cast, picture_bytes
from tests.support.trash import delete_waiting_files, files_to_delete

MakeAsset = Callable[..., Asset]


def long_ago(asset: Asset, days: float) -> None:
    moment = timezone.now() - datetime.timedelta(days=days)
    Asset.all_objects.filter(pk=asset.pk).update(deleted_at=moment)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class TestTrash:
    def test_managers_move_assets_there_and_others_are_skipped(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        own, foreign = make_asset(), make_asset(brand=cast.other)
        result = trash.trash_assets(assets=[own, foreign, own], by=cast.manager)
        assert result.done == [own.pk]
        assert result.left_out == "Skipped: 1 of Other, which you do not manage."
        own = Asset.all_objects.get(pk=own.pk)
        assert (own.in_trash, own.deleted_by) == (True, cast.manager)
        assert list(Asset.objects.all()) == [foreign]
        again = trash.trash_assets(assets=[own], by=cast.manager)
        assert (again.done, dict(again.skipped)) == ([], {"in the trash already": 1})
        assert trash.trash_assets(assets=[foreign], by=cast.creator).done == []

    def test_lists_of_other_models_leave_it_out(self, cast: Cast, make_asset: MakeAsset) -> None:
        kept, gone = make_asset(), make_asset()
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        collections.add_assets(collection=collection, assets=[gone, kept])
        trash.trash_assets(assets=[gone], by=cast.manager)
        assert list(collection.assets.all()) == [kept]
        assert list(cast.acme.assets.all()) == [kept]
        (prefetched,) = Collection.objects.prefetch_related("assets")
        assert list(prefetched.assets.all()) == [kept]
        # but a row that refers to it still loads it
        assert collection.items.get(asset=gone.pk).asset == gone
        gone.refresh_from_db()
        assert gone.in_trash

    def test_everything_comes_back_as_it_was(self, cast: Cast, make_asset: MakeAsset) -> None:
        first, asset, last = (make_asset(tags=["cape", "red"]) for _ in range(3))
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        collections.add_assets(collection=collection, assets=[first, asset, last])
        approval.decide(asset=asset, by=cast.manager, verdict="archived", reason="Old.")
        before = Asset.objects.values().get(pk=asset.pk)
        trash.trash_assets(assets=[asset], by=cast.manager)
        assert trash.restore_assets(assets=[asset], by=cast.manager).done == [asset.pk]
        assert Asset.objects.values().get(pk=asset.pk) == before
        assert list(collection.assets.order_by("collection_items")) == [first, asset, last]
        assert sorted(asset.tags.names()) == ["cape", "red"]
        assert Decision.objects.get().asset == asset
        again = trash.restore_assets(assets=[asset], by=cast.manager)
        assert dict(again.skipped) == {"no longer in the trash": 1}

    def test_many_are_moved_in_batches(
        self, cast: Cast, make_asset: MakeAsset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assets = [make_asset() for _ in range(7)]
        told: list[list[int]] = []
        monkeypatch.setattr(hooks.trash_changed, "functions", [lambda ids: told.append([*ids])])
        monkeypatch.setattr(trash, "BATCH", 3)
        result = trash.trash_assets(assets=Asset.objects.all(), by=cast.manager)
        assert result.done == [asset.pk for asset in assets]
        assert [len(batch) for batch in told] == [3, 3, 1]

    def test_more_assets_of_a_batch_take_no_more_queries(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        def queries(count: int, verb: Callable[..., Any]) -> int:
            chosen = list(Asset.all_objects.order_by("pk")[:count])
            with CaptureQueriesContext(connection) as captured:
                assert len(verb(assets=chosen, by=cast.manager).done) == count
            return len(captured)

        for _ in range(6):
            make_asset()
        few = queries(1, trash.trash_assets), queries(1, trash.restore_assets)
        assert (queries(6, trash.trash_assets), queries(6, trash.restore_assets)) == few

    def test_what_is_open_elsewhere_cannot_be_changed(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset, other = make_asset(status="draft"), make_asset()
        trash.trash_assets(assets=[asset], by=cast.manager)
        with pytest.raises(AssetGone):
            approval.decide(asset=asset, by=cast.manager, verdict="approved")
        with pytest.raises(AssetGone):
            merge.merge_assets(keep=other, others=[asset], by=cast.manager)

    def test_saving_another_copy_of_the_row_leaves_it_there(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = make_asset()
        trash.trash_assets(assets=[asset], by=cast.manager)
        update_asset(asset=asset, title="Renamed by a page that was open")
        assert Asset.all_objects.get(pk=asset.pk).in_trash

    def test_moving_in_a_collection_steps_over_it(self, cast: Cast, make_asset: MakeAsset) -> None:
        first, gone, second, third = (make_asset() for _ in range(4))
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        collections.add_assets(collection=collection, assets=[first, gone, second, third])
        trash.trash_assets(assets=[gone], by=cast.manager)

        def order() -> list[Asset]:
            return list(collection.assets.order_by("collection_items"))

        collections.move_asset(collection=collection, asset=first, step=1)
        assert order() == [second, first, third]
        collections.move_asset(collection=collection, asset=third, step=-1)
        assert order() == [second, third, first]
        collections.move_asset(collection=collection, asset=first, step=1)
        assert order() == [second, third, first]


class TestUpload:
    def test_the_same_bytes_are_refused_and_told_where_they_are(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = make_asset(file=picture_bytes(), title="Cape")
        trash.trash_assets(assets=[asset], by=cast.manager)
        with pytest.raises(AssetInTrash) as refused:
            make_asset(file=picture_bytes())
        day = timezone.localdate()
        assert f"“Cape” (asset {asset.pk}) has been in the trash since {day:%-d %B %Y}" in (
            refused.value.message
        )
        assert refused.value.extra["restore"] == f"/api/v1/assets/{asset.pk}/restore/"
        make_asset(file=picture_bytes(), brand=cast.other)

    def test_a_generated_image_that_was_paid_for_comes_back(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = make_asset(file=picture_bytes())
        trash.trash_assets(assets=[asset], by=cast.manager)
        result = ingest_asset(
            brand=cast.acme, file=picture_bytes(), filename="a.png", by=None, origin="generated"
        )
        assert (result.asset, result.created, result.asset.in_trash) == (asset, False, False)
        assert Asset.objects.get() == asset


class TestPurge:
    def test_rows_go_with_a_job_for_their_files(
        self, cast: Cast, make_asset: MakeAsset, media: Path
    ) -> None:
        asset = make_asset()
        kept = len(files_below(media))
        other = make_asset()
        trash.trash_assets(assets=[asset], by=cast.manager)
        assert trash.purge_assets(assets=[asset], by=cast.manager).done == [asset.pk]
        assert Asset.all_objects.get() == other
        assert asset.path in files_to_delete()
        delete_waiting_files()
        assert len(files_below(media)) == kept
        delete_waiting_files()  # a killed worker's job runs again

    def test_a_purge_that_is_rolled_back_deletes_no_file(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = make_asset()
        trash.trash_assets(assets=[asset], by=cast.manager)
        with transaction.atomic():
            trash.purge_assets(assets=[asset], by=cast.manager)
            transaction.set_rollback(True)
        assert Asset.all_objects.get() == asset
        assert files_to_delete() == []

    def test_only_what_is_in_the_trash_and_only_by_managers(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        here, there = make_asset(), make_asset()
        trash.trash_assets(assets=[there], by=cast.manager)
        result = trash.purge_assets(assets=[here, there], by=cast.creator)
        assert result.left_out == "Skipped: 2 of Acme, which you do not manage."
        assert trash.purge_assets(assets=[here], by=cast.manager).done == []
        assert Asset.all_objects.count() == 2

    def test_a_file_that_stays_is_retried(
        self, cast: Cast, make_asset: MakeAsset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asset = make_asset()
        trash.trash_assets(assets=[asset], by=None)
        trash.purge_assets(assets=[asset])

        def stubborn(self: FileSystemStorage, name: str) -> None:
            raise ConnectionError("reset by peer")

        monkeypatch.setattr(FileSystemStorage, "delete", stubborn)
        with pytest.raises(Exception, match="reset by peer"):
            tasks.delete_files_of_purged(files_to_delete())

    def test_the_job_empties_it_after_the_days_of_the_setting(
        self, cast: Cast, make_asset: MakeAsset, settings: Settings
    ) -> None:
        old, new, kept = make_asset(), make_asset(), make_asset()
        trash.trash_assets(assets=[old, new], by=cast.manager)
        long_ago(old, 30.1)
        long_ago(new, 29.9)
        assert Asset.all_objects.get(pk=new.pk).trash_days_left == 1
        settings.TRASH_DAYS = 0
        tasks.purge_trash(0)
        assert Asset.all_objects.count() == 3
        assert Asset.all_objects.get(pk=new.pk).trash_days_left is None
        settings.TRASH_DAYS = 30
        tasks.purge_trash(0)
        assert set(Asset.all_objects.all()) == {new, kept}
        assert set(Asset.objects.all()) == {kept}

    def test_the_impact_is_told_before(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset, other = make_asset(), make_asset()
        for name in ("Launch", "Spring"):
            collection = Collection.objects.create(brand=cast.acme, name=name)
            collections.add_assets(collection=collection, assets=[asset, other])
        told = trash.impact(Asset.all_objects.filter(pk__in=[asset.pk, other.pk]))
        assert (told.assets, told.bytes) == (2, asset.bytes + other.bytes)
        assert told.sentences == ["They leave 2 collections."]


def test_a_user_who_is_deleted_leaves_the_trash_as_it_is(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset()
    trash.trash_assets(assets=[asset], by=cast.manager)
    cast.manager.delete()
    asset = Asset.all_objects.get(pk=asset.pk)
    assert (asset.in_trash, asset.deleted_by) == (True, None)
