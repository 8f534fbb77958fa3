"""What is in the trash leaves the index and searches at once, and returns without CLIP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from assetbank.assets import collections, trash
from assetbank.models import Asset, Collection
from search import health
from search.duplicates import detect, groups
from search.encoders import clip
from search.indexing import reconcile
from search.models import DuplicatePair, Embedding, VectorSpace
from search.query import Filters, SearchQuery, facets, like_asset, rank_for_user, search
from search.saved import golden, impact, searches, updates
from search.vectorstore import VectorStoreUnavailable, store
from search.vectorstore import connection as milvus
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def found(cast: Cast, question: SearchQuery) -> set[Asset]:
    return {hit.asset for hit in search(person=cast.staff, question=question).found}


def in_milvus() -> set[int]:
    space = VectorSpace.objects.get()
    return set(
        store.fetch(
            list(Asset.all_objects.values_list("pk", flat=True)), collection=space.collection
        )
    )


def test_it_leaves_searches_before_the_index_hears_of_it(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    gone = make_asset((200, 30, 40), title="Red cape")
    kept = make_asset((200, 30, 41), title="Red hat")
    index()
    by_words, by_both = SearchQuery(text="cape"), SearchQuery(text="red")
    assert gone in found(cast, by_words)
    matched = rank_for_user(person=cast.staff, question=by_both, depth=9).matched
    trash.trash_assets(assets=[gone], by=cast.manager)
    assert in_milvus() == {gone.pk, kept.pk}, "the worker has not run"
    for question in (by_words, by_both, SearchQuery()):
        assert gone not in found(cast, question)
        assert facets.count_facets(person=cast.staff, question=question).total <= 1
    assert rank_for_user(person=cast.staff, question=by_both, depth=9).matched == matched - 1
    index()
    assert in_milvus() == {kept.pk}


def test_it_returns_with_its_stored_vector(
    cast: Cast, make_asset: MakeAsset, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = make_asset((200, 30, 40), title="Red cape")
    index()
    vector = bytes(Embedding.objects.get().vector_bytes or b"")
    trash.trash_assets(assets=[asset], by=cast.manager)
    index()
    row = Embedding.objects.get()
    assert (row.state, row.reason) == ("trashed", "In the trash.")
    assert bytes(row.vector_bytes or b"") == vector
    monkeypatch.setattr(clip.ImageEncoder, "encode_pixels", None)  # it is not called
    trash.restore_assets(assets=[asset], by=cast.manager)
    index()
    assert Embedding.objects.get().state == "indexed"
    assert in_milvus() == {asset.pk}
    assert found(cast, SearchQuery(text="cape")) == {asset}


def test_it_leaves_once_milvus_is_back(
    cast: Cast, make_asset: MakeAsset, index: Index, settings: Settings
) -> None:
    asset = make_asset(title="Red cape")
    index()
    address = settings.MILVUS_URI
    settings.MILVUS_URI = "http://127.0.0.1:1"  # nothing listens there
    milvus.reset()
    trash.trash_assets(assets=[asset], by=cast.manager)
    with pytest.raises(VectorStoreUnavailable):
        index()
    assert Embedding.objects.get().state == "pending"
    assert found(cast, SearchQuery()) == set()
    settings.MILVUS_URI = address
    milvus.reset()
    assert in_milvus() == {asset.pk}
    index()
    assert in_milvus() == set()


def test_a_space_that_is_new_does_not_wait_for_it(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    gone, kept = make_asset(), make_asset()
    trash.trash_assets(assets=[gone], by=cast.manager)
    Embedding.objects.all().delete()
    index()
    assert reconcile.check_index().sound
    assert set(Embedding.objects.values_list("asset_id", flat=True)) == {kept.pk}
    trash.restore_assets(assets=[gone], by=cast.manager)
    index()
    assert in_milvus() == {gone.pk, kept.pk}


def test_counts_of_the_index_leave_it_out(cast: Cast, make_asset: MakeAsset, index: Index) -> None:
    gone, _ = make_asset(), make_asset()
    index()
    trash.trash_assets(assets=[gone], by=cast.manager)
    index()
    assert health.index().detail == "1 indexed, 0 waiting, 0 failed"
    assert reconcile.check_index().sound


def test_check_index_finds_what_was_moved_there_by_sql(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    gone, kept = make_asset(), make_asset()
    index()
    moment = kept.created_at
    Asset.objects.filter(pk=gone.pk).update(deleted_at=moment)
    assert reconcile.check_index().counts["stray in Milvus"] == 1
    reconcile.check_index(fix=True)
    assert in_milvus() == {kept.pk}
    index()
    assert Embedding.objects.get(asset=gone.pk).state == "trashed"
    assert Embedding.objects.get(asset=gone.pk).vector_bytes is not None


def test_a_rebuilt_index_leaves_it_out(cast: Cast, make_asset: MakeAsset, index: Index) -> None:
    gone, kept = make_asset(), make_asset()
    index()
    trash.trash_assets(assets=[gone], by=cast.manager)
    assert reconcile.rebuild_index() == 1
    assert in_milvus() == {kept.pk}


def test_duplicates_pause_and_come_back(cast: Cast, make_asset: MakeAsset, index: Index) -> None:
    one, two = make_asset((9, 9, 9)), make_asset((9, 9, 10))
    index()
    DuplicatePair.objects.create(brand=cast.acme, first=one, second=two, score=1)
    brands = type(cast.acme).objects.all()
    assert groups.count(brands) == 1
    trash.trash_assets(assets=[two], by=cast.manager)
    assert groups.count(brands) == 0
    assert groups.group_of(one) is None
    index()
    assert two not in detect.uncompared_assets()
    trash.restore_assets(assets=[two], by=cast.manager)
    assert groups.count(brands) == 1


def test_saved_searches_and_collections_count_what_they_show(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    gone, _kept = make_asset(tags=["cape"]), make_asset(tags=["cape"])
    collection = Collection.objects.create(brand=cast.acme, name="Launch")
    collections.add_assets(collection=collection, assets=[gone, _kept])
    question = SearchQuery(filters=Filters(tags=("cape",)))
    searches.save_search(brand=cast.acme, name="Capes", question=question, by=cast.creator)
    trash.trash_assets(assets=[gone], by=cast.manager)
    (row,) = updates.saved_search_updates(cast.creator)
    assert (row.count, row.covers) == (1, (_kept,))
    inside = SearchQuery(filters=Filters(collection=collection.pk))
    assert found(cast, inside) == {_kept}


def test_the_impact_names_searches(cast: Cast, make_asset: MakeAsset, index: Index) -> None:
    asset, other = make_asset(), make_asset()
    chosen = Asset.all_objects.filter(pk=asset.pk)
    assert impact.deletion_impact(chosen) == []
    golden.add_golden_query(
        brand=cast.acme, question=SearchQuery(text="cape"), expected=[asset, other], by=cast.manager
    )
    question = SearchQuery(shown=(like_asset(other), like_asset(asset)))
    searches.save_search(brand=cast.acme, name="Like it", question=question, by=cast.creator)
    assert impact.deletion_impact(chosen) == [
        "1 relevance test query expects them and will no longer do so.",
        "1 saved search searches by them and will no longer work.",
    ]
