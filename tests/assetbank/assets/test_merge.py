"""Merging: references move to the kept asset, copies are archived, nothing is lost."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from assetbank.assets import approval, collections
from assetbank.assets.merge import asset_references, merge_assets, undo_merge
from assetbank.errors import AssetGone, InvalidAsset, NotAllowed
from assetbank.models import Asset, Collection
from generation.models import Generation, Output, Reference
from search.models import Comparison, DuplicatePair, Embedding, GoldenQuestion, VectorSpace
from tests.assetbank.assets.metadata.fields import add_fields
from tests.conftest import Cast
from tests.generation.requests import answered

MakeAsset = Callable[..., Asset]


def now(asset: Asset) -> Asset:
    return Asset.objects.get(pk=asset.pk)


def generation(cast: Cast, *references: Asset) -> Generation:
    made = Generation.objects.create(brand=cast.acme, prompt="A cape", model="sketch")
    for position, asset in enumerate(references):
        Reference.objects.create(
            generation=made,
            asset=asset,
            position=position,
            title=asset.title,
            checksum=asset.checksum,
        )
    return made


def test_what_follows_and_what_stays_is_told_from_the_models() -> None:
    followed = {(follower.model.__name__, follower.field) for follower in asset_references()}
    assert followed == {
        ("CollectionItem", "asset"),
        ("GoldenQuestion_expected", "asset"),
        ("Reference", "asset"),
        ("Output", "asset"),
        ("Withdrawal", "asset"),
    }, "a new relation to assets: does it follow when assets are merged? See assetbank.assets.merge"


def test_words_are_united_and_the_copies_archived(cast: Cast, make_asset: MakeAsset) -> None:
    keep = make_asset(tags=["Silk", "cape"], credit="Ours", status="approved")
    other = make_asset(tags=["silk", "red"], credit="Theirs", licence="Editorial", status="draft")
    third = make_asset(description="A cape.", licence="All", status="approved")
    merged = merge_assets(keep=keep, others=[other, third], by=cast.manager)
    kept = now(keep)
    assert kept.tag_names == ["Silk", "cape", "red"]
    assert (kept.credit, kept.licence, kept.description) == ("Ours", "Editorial", "A cape.")
    assert (kept.status, now(other).status, now(third).status) == (
        "approved",
        "archived",
        "archived",
    )
    assert merged.archived == {other.pk: "draft", third.pk: "approved"}


def test_the_history_of_a_copy_tells_that_it_was_merged_and_that_it_came_back(
    cast: Cast, make_asset: MakeAsset
) -> None:
    keep = make_asset(title="Cape")
    copies = approved, sent_back, waiting = [
        make_asset(status=status) for status in ("approved", "draft", "draft")
    ]
    approval.decide(asset=sent_back, by=cast.manager, verdict="rejected", reason="Too dark")
    merged = merge_assets(
        keep=keep, others=[*copies, make_asset(status="archived")], by=cast.manager
    )
    assert merged.archived == {
        approved.pk: "approved",
        sent_back.pk: "draft",
        waiting.pk: "draft",
    }
    into = f"Merged into “Cape” (asset {keep.pk})."
    for copy in copies:
        last = copy.decisions.latest("pk")
        assert (last.verdict, last.by, last.reason) == ("archived", cast.manager, into)
    assert into in cast.creator.notices.latest("pk").sentence

    merge_assets(keep=keep, others=copies, by=cast.manager)
    assert approved.decisions.count() == 1, "nothing was archived again"
    with pytest.raises(NotAllowed):
        undo_merge(merged.archived, by=cast.creator)
    assert undo_merge(merged.archived, by=cast.manager) == copies
    assert [now(copy).status for copy in copies] == ["approved", "draft", "draft"]
    assert approved.decisions.latest("pk").verdict == "approved"
    assert list(approval.pending_review(cast.manager)) == [waiting]
    assert list(approval.changes_requested(cast.manager)) == [sent_back]
    assert undo_merge(merged.archived, by=cast.manager) == []


def test_no_right_grows_by_merging(cast: Cast, make_asset: MakeAsset) -> None:
    early, late = datetime.date(2031, 1, 1), datetime.date(2032, 1, 1)
    keep = make_asset(expires_on=late)
    merge_assets(keep=keep, others=[make_asset(expires_on=early), make_asset()], by=cast.manager)
    assert now(keep).expires_on == early
    keep = make_asset(expires_on=early)
    merge_assets(keep=keep, others=[make_asset(expires_on=late)], by=cast.manager)
    assert now(keep).expires_on == early


def test_collections_get_it_in_the_place_of_the_first_copy(
    cast: Cast, make_asset: MakeAsset
) -> None:
    keep, copy, copy2, a, b = (make_asset() for _ in range(5))
    without, within = (Collection.objects.create(brand=cast.acme, name=n) for n in "ab")
    collections.add_assets(collection=without, assets=[a, copy2, b, copy])
    collections.add_assets(collection=within, assets=[copy, a, keep])
    merge_assets(keep=keep, others=[copy, copy2], by=cast.manager)
    for collection, assets in ((without, [a, keep, b]), (within, [a, keep])):
        items = collection.items.select_related("asset")
        assert [item.asset for item in items] == assets


def test_generations_and_golden_questions_follow(cast: Cast, make_asset: MakeAsset) -> None:
    keep, copy = make_asset(), make_asset()
    both, one = generation(cast, copy, keep), generation(cast, copy)
    output = Output.objects.create(generation=one, take=answered(one), position=0, asset=copy)
    golden = GoldenQuestion.objects.create(brand=cast.acme, question="q=cape")
    golden.expected.add(keep, copy)
    for _ in range(2):  # twice, as after a double click
        merge_assets(keep=keep, others=[copy], by=cast.manager)
        output.refresh_from_db()
        assert output.asset == keep
        assert list(one.references.all()) == [keep]
        rows = Reference.objects.filter(generation=both)
        assert [row.asset for row in rows] == [keep, keep]
        assert [row.checksum for row in rows] == [copy.checksum, keep.checksum], "as it was sent"
        assert list(golden.expected.all()) == [keep]


def test_what_is_about_the_file_stays_with_it(cast: Cast, make_asset: MakeAsset) -> None:
    keep, copy = make_asset(), make_asset()
    space = VectorSpace.objects.create(model="m", fingerprint="f", active=True)
    Embedding.objects.create(asset=copy, space=space, checksum=copy.checksum)
    Comparison.objects.create(asset=copy, checksum=copy.checksum)
    DuplicatePair.objects.create(brand=cast.acme, first=keep, second=copy, score=1)
    merge_assets(keep=keep, others=[copy], by=cast.manager)
    assert Embedding.objects.get(checksum=copy.checksum).asset_id == copy.pk
    assert Comparison.objects.get().asset == copy
    assert DuplicatePair.objects.get().second == copy


def test_where_it_was_made_goes_to_what_does_not_know(cast: Cast, make_asset: MakeAsset) -> None:
    keep, copy = make_asset(), make_asset()
    Asset.objects.filter(pk=copy.pk).update(generation_id=7, engine_model="sketch", prompt="A cape")
    merge_assets(keep=keep, others=[now(copy)], by=cast.manager)
    kept = now(keep)
    assert (kept.generation_id, kept.engine_model, kept.prompt) == (7, "sketch", "A cape")
    Asset.objects.filter(pk=copy.pk).update(generation_id=8, status="draft")
    merge_assets(keep=kept, others=[now(copy)], by=cast.manager)
    assert now(keep).generation_id == 7


def test_what_fails_at_its_end_has_changed_nothing(cast: Cast, make_asset: MakeAsset) -> None:
    keep, copy = make_asset(), make_asset(tags=["silk"])
    collection = Collection.objects.create(brand=cast.acme, name="Launch")
    collections.add_assets(collection=collection, assets=[copy])
    Asset.objects.filter(pk=copy.pk).update(title="")  # so archiving it, the last step, fails
    with pytest.raises(InvalidAsset, match="title"):
        merge_assets(keep=keep, others=[copy], by=cast.manager)
    assert (now(copy).status, now(keep).tag_names) == ("approved", [])
    assert list(collection.assets.all()) == [copy]


def test_tags_that_are_too_many_leave_the_last_ones_out(cast: Cast, make_asset: MakeAsset) -> None:
    keep = make_asset(tags=[f"a{n:02}" for n in range(60)])
    merge_assets(
        keep=keep, others=[make_asset(tags=[f"b{n:02}" for n in range(9)])], by=cast.manager
    )
    assert now(keep).tag_names[58:] == ["a58", "a59", "b00", "b01", "b02", "b03"]


def test_only_managers_merge_and_only_within_a_brand(cast: Cast, make_asset: MakeAsset) -> None:
    keep, copy = make_asset(), make_asset()
    foreign = make_asset(brand=cast.other, by=cast.outsider)
    for person in (cast.viewer, cast.creator, cast.outsider):
        with pytest.raises(NotAllowed):
            merge_assets(keep=keep, others=[copy], by=person)
    for others in ([], [keep], [copy, foreign]):
        with pytest.raises(InvalidAsset):
            merge_assets(keep=keep, others=others, by=cast.staff)
    archived = make_asset(status="archived")
    with pytest.raises(InvalidAsset, match="archived"):
        merge_assets(keep=archived, others=[copy], by=cast.manager)
    Asset.objects.filter(pk=copy.pk).delete()
    with pytest.raises(AssetGone):
        merge_assets(keep=keep, others=[copy], by=cast.manager)


def test_empty_custom_fields_are_filled_from_the_others(cast: Cast, make_asset: MakeAsset) -> None:
    add_fields(cast.acme)
    keep = make_asset(custom={"sku": "A"})
    others = [make_asset(custom={"sku": "B", "price": 5}), make_asset(custom={"price": 6})]
    kept = merge_assets(keep=keep, others=others, by=cast.manager).kept
    assert kept.custom == {"sku": "A", "price": 5}
