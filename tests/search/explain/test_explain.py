"""Search diagnostics: each fault is caused for real, explained, and repaired."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from assetbank import permissions
from assetbank.assets import collections, update_asset
from assetbank.errors import NotAllowed
from assetbank.models import Asset, Brand, Collection
from search.explain import Explanation, Repair, State, explanation, resolve_subject
from search.indexing import entities
from search.models import Document, Embedding, VectorSpace
from search.query import PAGE_SIZE, Filters, SearchQuery, like_asset, search
from search.vectorstore import connection as milvus_connection
from search.vectorstore import store
from tests.conftest import Cast, picture_bytes
from tests.search.query.test_retrieval import drawn
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


@pytest.fixture
def shop(make_asset: MakeAsset, index: Index) -> dict[str, Asset]:
    wares = {
        f"{colour} {obj}": make_asset(file=drawn(obj, colour), title=f"{colour} {obj}", tags=[obj])
        for obj, colour in (("handbag", "red"), ("handbag", "blue"), ("teapot", "red"))
    }
    index()
    return wares


@pytest.fixture
def bag(shop: dict[str, Asset]) -> Asset:
    return shop["red handbag"]


def fresh(asset: Asset) -> Asset:
    return Asset.objects.with_tags().select_related("brand", "created_by").get(pk=asset.pk)


def explain(
    asset: Asset, cast: Cast, question: SearchQuery | str = "", **given: Any
) -> Explanation:
    if isinstance(question, str):
        question = SearchQuery(text=question)
    return explanation.explain(
        fresh(asset), person=given.pop("person", cast.viewer), question=question, **given
    )


def active() -> VectorSpace:
    return VectorSpace.objects.get(active=True)


def details(told: Explanation, name: str) -> dict[str, str]:
    return {each.label: each.text for each in told[name].details}


# ------------------------------------------------------------------------ conditions


def test_an_asset_that_is_in_order_is_good_at_every_step(bag: Asset, cast: Cast) -> None:
    told = explain(bag, cast)
    assert [(step.name, step.state) for step in told.steps] == [
        *((name, State.GOOD) for name in ("original", "renditions", "embedding", "milvus")),
        *((name, State.GOOD) for name in ("words", "policy", "permission")),
        ("question", State.NOT_ASKED),
    ]
    assert told.found
    assert told.sentence == "It can be found. All steps are OK."
    assert not any(step.repairs for step in told.steps)
    assert details(told, "words") == {
        "Title and tags": "handbag red",
        "File name, credit, headline, creator and place": "nothing",
        "Description, alt text and copyright": "nothing",
        "Prompt": "nothing",
        "Exact names": "picture0, picture0png",
    }


def test_a_lost_original_is_said(bag: Asset, cast: Cast) -> None:
    default_storage.delete(bag.path)
    told = explain(bag, cast)
    assert told["original"].state == State.BAD
    assert "missing from the storage" in told["original"].sentence
    assert told.sentence == "It can be found. One step needs repair: original."


@pytest.mark.parametrize("longer", [b"", b"!"], ids=["the same length", "longer"])
def test_other_bytes_than_came_in_are_said(bag: Asset, cast: Cast, longer: bytes) -> None:
    with default_storage.open(bag.path) as file:
        data = file.read()
    with default_storage.open(bag.path, "wb") as file:
        file.write(data[:-1] + b"?" + longer)
    told = explain(bag, cast)
    assert told["original"].state == State.BAD
    assert "differs from the uploaded one" in told["original"].sentence
    assert details(told, "original")["SHA-256 at upload"] == bag.checksum


def test_a_file_past_the_limit_is_not_read(bag: Asset, cast: Cast, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 10
    told = explain(bag, cast)
    assert told["original"].state == State.GOOD
    assert details(told, "original")["SHA-256"] == "not read"


def test_a_storage_that_is_down_says_so(bag: Asset, cast: Cast, settings: Settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": "bucket",
                "endpoint_url": "http://127.0.0.1:1",
                "access_key": "key",
                "secret_key": "secret",
                "client_config": _impatient(),
            },
        },
    }
    told = explain(bag, cast, "red handbag")
    for name in ("original", "renditions"):
        assert told[name].state == State.BAD
        assert "is not responding" in told[name].sentence
    assert {step.name for step in told.of(State.BAD)} == {"original", "renditions"}


def _impatient() -> Any:
    from botocore.config import Config

    return Config(retries={"total_max_attempts": 1}, connect_timeout=1)


def test_a_lost_rendition_is_drawn_again(bag: Asset, cast: Cast) -> None:
    default_storage.delete(bag.rendition_path("grid"))
    told = explain(bag, cast)
    assert told["renditions"].sentence.startswith("Missing: grid.")
    assert told["renditions"].repairs == (Repair.RENDITIONS,)
    explanation.repair(bag, Repair.RENDITIONS, cast.creator)
    assert explain(bag, cast)["renditions"].state == State.GOOD


class TestEmbedding:
    def test_what_waits_says_behind_how_many(
        self, bag: Asset, make_asset: MakeAsset, cast: Cast, index: Index
    ) -> None:
        first, second = make_asset(), make_asset()
        assert "and it is next" in explain(first, cast)["embedding"].sentence
        told = explain(second, cast)
        assert told["embedding"].state == told["milvus"].state == told.state == State.WAITING
        assert "after 1 other" in told["embedding"].sentence
        default_storage.delete(second.rendition_path("grid"))
        told = explain(second, cast)
        assert not told.found
        assert not told.in_the_way
        assert told.sentence == (
            "It is waiting to be indexed, after 1 other. One step needs repair: renditions."
        )
        explanation.repair(second, Repair.RENDITIONS, cast.creator)
        Embedding.objects.filter(asset=first).update(attempts=3)  # comes last
        assert "and it is next" in explain(second, cast)["embedding"].sentence
        assert "after 1 other" in explain(first, cast)["embedding"].sentence
        index()
        assert explain(second, cast).state == State.GOOD

    def test_what_failed_says_why_and_is_indexed_again(
        self, bag: Asset, make_asset: MakeAsset, cast: Cast, index: Index
    ) -> None:
        asset = make_asset()
        with default_storage.open(asset.path) as file:
            data = file.read()
        default_storage.delete(asset.path)
        default_storage.delete(asset.rendition_path("encoder"))
        index()
        told = explain(asset, cast)
        assert told["embedding"].sentence == "The original file is missing from the storage."
        assert told["embedding"].repairs == (Repair.INDEX, Repair.EMBED)
        with default_storage.open(asset.path, "wb") as file:
            file.write(data)
        explanation.repair(asset, Repair.INDEX, cast.creator)
        index()
        assert explain(asset, cast).state == State.GOOD

    def test_a_vector_of_other_bytes_is_embedded_again(
        self, bag: Asset, cast: Cast, index: Index
    ) -> None:
        Embedding.objects.filter(asset=bag).update(checksum="0" * 64)
        told = explain(bag, cast)
        assert told["embedding"].state == State.BAD
        assert details(told, "embedding")["Vector"] == "of another file version (000000000000)"
        assert told["embedding"].repairs == (Repair.EMBED,)
        assert told.sentence == "It can be found. One step needs repair: embedding."
        explanation.repair(bag, Repair.EMBED, cast.creator)
        told = explain(bag, cast)
        assert told["embedding"].state == State.WAITING
        assert told.found, "Milvus has it as it was"
        index()
        assert explain(bag, cast).state == State.GOOD

    def test_one_that_the_index_has_not_heard_of(
        self, bag: Asset, cast: Cast, index: Index
    ) -> None:
        Embedding.objects.filter(asset=bag).delete()
        told = explain(bag, cast)
        assert told["embedding"].sentence == "The asset is not registered in the index."
        explanation.repair(bag, Repair.INDEX, cast.creator)
        index()
        assert explain(bag, cast).state == State.GOOD

    def test_a_space_that_is_being_built_is_said_beside(self, bag: Asset, cast: Cast) -> None:
        space = VectorSpace.objects.create(model="openai/other", fingerprint="f", dimension=4)
        Embedding.objects.create(asset=bag, space=space)
        told = explain(bag, cast)
        assert details(told, "embedding")["openai/other (building)"] == "Waiting."
        assert told.state == State.GOOD

    def test_before_the_first_encoder(self, make_asset: MakeAsset, cast: Cast) -> None:
        told = explain(make_asset(), cast, "red")
        assert "has not loaded an encoder" in told["embedding"].sentence
        assert "not ready yet" in told["meaning"].sentence
        assert told["words"].state == told["filters"].state == State.GOOD


class TestMilvus:
    def test_a_lost_row_is_put_back(self, bag: Asset, cast: Cast, index: Index) -> None:
        store.delete([bag.pk], collection=active().collection)
        told = explain(bag, cast, "red handbag")
        assert told["milvus"].sentence == "It is missing in Milvus. Reindex it."
        assert told["milvus"].repairs == (Repair.INDEX,)
        assert details(told, "filters")["Milvus"] == "not checked: it does not contain the asset"
        assert "is missing in Milvus" in told["meaning"].sentence
        assert told.found  # by its words
        told = explain(bag, cast)
        assert told.sentence == "It is missing in Milvus. Reindex it."
        assert not told.found
        explanation.repair(bag, Repair.INDEX, cast.creator)
        index()
        assert explain(bag, cast, "red handbag").state == State.GOOD

    def test_scalars_that_differ_are_named(self, bag: Asset, cast: Cast, index: Index) -> None:
        Asset.objects.filter(pk=bag.pk).update(kind="logo", expires_on="2030-01-01")
        bag.tags.add("Extra")
        told = explain(bag, cast)
        assert told["milvus"].sentence == (
            "Its values in Milvus are out of date: kind, expires, tags. Reindex it."
        )
        assert details(told, "milvus")["kind"] == "'product'; expected 'logo'"
        explanation.repair(bag, Repair.INDEX, cast.creator)
        assert explain(bag, cast)["milvus"].state == State.WAITING
        index()
        assert explain(bag, cast)["milvus"].state == State.GOOD

    def test_another_vector_than_in_postgres(self, bag: Asset, cast: Cast, index: Index) -> None:
        space = active()
        vector = np.zeros(space.dimension, np.float32)
        vector[0] = 1
        row = store.Row(bag.pk, vector, entities.scalars(fresh(bag)))
        store.upsert([row], collection=space.collection)
        told = explain(bag, cast)
        assert told["milvus"].sentence == (
            "Its values in Milvus are out of date: vector. Reindex it."
        )
        explanation.repair(bag, Repair.INDEX, cast.creator)
        index()
        assert explain(bag, cast).state == State.GOOD

    def test_when_it_is_down_its_own_steps_say_so(
        self, bag: Asset, cast: Cast, milvus_down: None
    ) -> None:
        told = explain(bag, cast, "never asked before -striped")
        for name in ("milvus", "meaning", "rank"):
            assert told[name].state == State.BAD
            assert "is not responding" in told[name].sentence
        assert "is not responding" in details(told, "filters")["Milvus"]
        assert told["filters"].state == State.GOOD
        assert told["wording"].state == State.NOTE
        assert {step.name for step in told.of(State.BAD)} == {"milvus", "meaning", "rank"}


def test_lost_words_are_written_again(bag: Asset, cast: Cast) -> None:
    Document.objects.filter(pk=bag.pk).delete()
    told = explain(bag, cast, "handbag")
    assert told["words"].state == told["wording"].state == State.BAD
    assert told["words"].repairs == told["wording"].repairs == (Repair.WORDS,)
    explanation.repair(bag, Repair.WORDS, cast.creator)
    told = explain(bag, cast, "handbag")
    assert told["words"].state == told["wording"].state == State.GOOD


def test_archived_ones_show_only_when_asked_for(bag: Asset, cast: Cast, index: Index) -> None:
    update_asset(asset=bag, status="archived")
    index()
    told = explain(bag, cast, "red handbag", person=cast.creator)
    assert "archived" in told["policy"].sentence
    assert told["filters"].sentence == "The filter excludes it: status."
    assert told["rank"].state == State.NOT_ASKED
    asked_for = SearchQuery(text="red handbag", filters=Filters(statuses=("archived",)))
    assert explain(bag, cast, asked_for, person=cast.creator).state == State.GOOD
    assert explain(bag, cast, asked_for)["permission"].state == State.BAD  # a viewer


def test_a_brand_that_lets_no_generated_pictures_be_found(
    bag: Asset, cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    made = make_asset(origin="generated")
    index()
    assert explain(made, cast).state == State.GOOD
    # Changed without the index noticing
    Brand.objects.update(search_generated="none")
    told = explain(made, cast)
    assert "excludes generated images" in told["policy"].sentence
    assert told["milvus"].sentence == "It is in Milvus although it should be skipped. Reindex it."
    explanation.repair(made, Repair.INDEX, cast.creator)
    index()
    told = explain(made, cast)
    assert told["milvus"].state == State.NOTE
    assert told["embedding"].state == told["policy"].state == State.BAD
    tiny = make_asset(file=picture_bytes(size=(5, 5)))
    assert "smaller than 8 pixels" in explain(tiny, cast)["policy"].sentence


class TestPermission:
    def test_who_is_no_member_is_told_apart(self, bag: Asset, cast: Cast) -> None:
        told = explain(bag, cast, "red handbag", person=cast.outsider)
        assert told["permission"].sentence.startswith("outsider is not a member of Acme.")
        assert [step.name for step in told.of(State.BAD)] == ["permission"]
        assert told["rank"].state == State.NOT_ASKED
        assert "staff" in explain(bag, cast, person=cast.staff)["permission"].sentence
        cast.viewer.is_active = False
        assert "sign in" in explain(bag, cast)["permission"].sentence

    def test_managers_ask_for_members_and_staff_for_anybody(self, cast: Cast) -> None:
        acme = cast.acme
        assert resolve_subject(cast.viewer, acme, "") == cast.viewer
        assert resolve_subject(cast.viewer, acme, "viewer") == cast.viewer
        with pytest.raises(NotAllowed, match="Only managers"):
            resolve_subject(cast.creator, acme, "viewer")
        assert resolve_subject(cast.manager, acme, "viewer") == cast.viewer
        assert resolve_subject(cast.staff, acme, "outsider") == cast.outsider
        # The existence of such a user is not revealed
        assert resolve_subject(cast.manager, acme, "outsider").pk is None

    def test_places_are_counted_among_what_both_may_see(
        self, shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        theirs = make_asset(file=drawn("teapot", "blue"), title="blue teapot", brand=cast.other)
        index()
        cast.acme.memberships.create(user=cast.outsider, role="viewer")
        told = explain(
            shop["red teapot"], cast, SearchQuery(), person=cast.outsider, asker=cast.viewer
        )
        assert told["permission"].state == State.GOOD
        browse = SearchQuery(filters=Filters(kinds=("product",)))
        total = {}
        for asker in (cast.viewer, cast.staff):
            told = explain(shop["red teapot"], cast, browse, person=cast.outsider, asker=asker)
            total[asker.username] = told["rank"].sentence
        assert " of 3," in total["viewer"]
        assert " of 4," in total["staff"]
        assert theirs.pk not in permissions.assets(cast.viewer).values_list("pk", flat=True)


# ------------------------------------------------------------------------ queries

PASSING = Filters(
    brands=("acme",),
    kinds=("product", "logo"),
    origins=("upload",),
    statuses=("approved",),
    tags=("Handbag",),
    tags_any=("handbag", "watch"),
    tags_none=("logo",),
    orientation="square",
    aspect_ratio=1.0,
    min_width=100,
    min_height=100,
    created_after=datetime.date(2020, 1, 1),
    created_before=datetime.date(2100, 1, 1),
    usable=True,
)
FAILING: dict[str, tuple[Filters, str]] = {
    "kind": (Filters(kinds=("logo", "render")), "product is not logo or render"),
    "origin": (Filters(origins=("import",)), "upload is not import"),
    "status": (Filters(statuses=("draft",)), "approved is not draft"),
    "tags": (Filters(tags=("handbag", "silk")), "missing: silk"),
    "tags_any": (Filters(tags_any=("silk", "gold")), "has none of silk, gold"),
    "tags_none": (Filters(tags_none=("Handbag",)), "has Handbag"),
    "orientation": (Filters(orientation="portrait"), "square is not portrait"),
    "aspect_ratio": (Filters(aspect_ratio=0.8), "1.00; 0.80 within 3%"),
    "min_width": (Filters(min_width=1000), "256 px; the minimum is 1000"),
    "usable": (
        Filters(usable=True),
        "“red handbag” may no longer be used: its usage rights expired",
    ),
    "engine_model": (Filters(engine_models=("x-1",)), "none is not x-1"),
    "preset": (Filters(presets=("studio",)), "none is not studio"),
    "created_before": (Filters(created_before=datetime.date(2020, 1, 1)), "created 20"),
    "colour": (Filters(colour="#2b63d4"), "the nearest dominant colour, #"),
    "captured_from": (Filters(captured_from=datetime.date(2019, 3, 15)), "taken 2019-03-14; the"),
    "captured_to": (Filters(captured_to=datetime.date(2019, 3, 13)), "taken 2019-03-14; the"),
    "captured_year": (Filters(captured_years=("2020",)), "taken 2019-03-14 is not 2020"),
    "creator": (Filters(creators=("Ana",)), "none is not Ana"),
    "place": (Filters(places=("Oslo",)), "none is not Oslo"),
    "has_alt_text": (Filters(has_alt_text="yes"), "it has no alt text"),
    "terms_to_check": (Filters(terms_to_check=True), "it has no terms to check"),
}


class TestFilters:
    @pytest.mark.parametrize("text", ["", "red handbag"], ids=["browsing", "searching"])
    def test_each_is_told_with_its_value(
        self, bag: Asset, cast: Cast, index: Index, text: str
    ) -> None:
        Asset.objects.filter(pk=bag.pk).update(
            expires_on="2020-05-01", captured_at="2019-03-14T10:11:00Z"
        )
        explanation.repair(bag, Repair.INDEX, cast.creator)
        index()
        for name, (filters, said) in FAILING.items():
            told = explain(bag, cast, SearchQuery(text=text, filters=filters))
            assert told["filters"].sentence == f"The filter excludes it: {name.replace('_', ' ')}."
            assert details(told, "filters")[name].startswith(said), name
            assert "Milvus" not in str(told["filters"].details), name
            assert told["rank"].state == State.NOT_ASKED

    def test_all_of_them_may_pass(self, bag: Asset, cast: Cast) -> None:
        collection = Collection.objects.create(brand=cast.acme, name="Summer")
        collections.add_assets(collection=collection, assets=[bag])
        filters = replace(
            PASSING,
            collection=collection.pk,
            colour=(bag.colours or [""])[0],
            created_by=cast.creator.pk,
        )
        told = explain(bag, cast, SearchQuery(text="red handbag", filters=filters))
        assert told["filters"].sentence == "It passes every filter.", told["filters"].details
        assert len(told["filters"].details) == 17
        assert told.state == State.GOOD
        collections.remove_assets(collection=collection, assets=[bag])
        told = explain(bag, cast, SearchQuery(text="red handbag", filters=filters))
        assert details(told, "filters")["collection"] == "not in Summer"

    def test_where_postgres_and_milvus_disagree_it_is_said(
        self, bag: Asset, cast: Cast, index: Index
    ) -> None:
        Asset.objects.filter(pk=bag.pk).update(kind="logo")
        question = SearchQuery(text="red handbag", filters=Filters(kinds=("logo",)))
        told = explain(bag, cast, question)
        assert told["filters"].sentence == "Postgres and Milvus disagree about it: kind."
        assert details(told, "filters")["kind"] == "logo, matches; Milvus excludes it"
        assert told["filters"].repairs == (Repair.INDEX,)
        assert told["rank"].state == State.GOOD  # by its words
        explanation.repair(bag, Repair.INDEX, cast.creator)
        index()
        assert explain(bag, cast, question).state == State.GOOD


class TestWords:
    @pytest.mark.parametrize(
        ("text", "state", "said"),
        [
            ("red handbags", State.GOOD, {"red": "in title", "handbags": "in title and tags"}),
            ("the handbag", State.GOOD, {"the": "too common to be indexed"}),
            ("silk handbag", State.NOTE, {"silk": "nowhere"}),
            # A name that a machine gave has no words; the exact name matches nevertheless
            ("picture-0.png", State.GOOD, {"picture-0.png": "nowhere"}),
            ("handbag -red", State.BAD, {"-red": "in title"}),
            ("handbag -striped", State.GOOD, {"-striped": "nowhere"}),
            ('"red handbag"', State.GOOD, {"red handbag": "in title"}),
        ],
    )
    def test_each_says_where_it_occurs(
        self, bag: Asset, cast: Cast, text: str, state: State, said: dict[str, str]
    ) -> None:
        told = explain(bag, cast, text)
        assert told["wording"].state == state
        assert details(told, "wording").items() >= said.items()

    def test_an_unwanted_word_throws_it_out(self, bag: Asset, cast: Cast) -> None:
        told = explain(bag, cast, "handbag -red")
        assert told["wording"].sentence == "The search excludes it with “red”."
        assert told["rank"].state == State.NOT_ASKED
        found = search(person=cast.viewer, question=SearchQuery(text="handbag -red")).found
        assert bag not in [each.asset for each in found]

    def test_a_name_typed_exactly(self, bag: Asset, cast: Cast) -> None:
        assert "ranks first" in explain(bag, cast, "picture 0")["wording"].sentence


class TestPlace:
    @pytest.mark.parametrize(
        "question",
        [
            SearchQuery(text="red handbag"),
            SearchQuery(text="teapot"),
            SearchQuery(text="a submarine"),
            SearchQuery(text="handbag", filters=Filters(tags=("handbag",))),
            SearchQuery(filters=Filters(kinds=("product",))),
            SearchQuery(text="-teapot"),
        ],
        ids=lambda question: question.to_querystring(),
    )
    def test_it_is_where_the_page_shows_it(
        self, shop: dict[str, Asset], cast: Cast, question: SearchQuery
    ) -> None:
        page = search(person=cast.viewer, question=question)
        shown = [found.asset.pk for found in page.found]
        assert shown
        for asset in shop.values():
            told = explain(asset, cast, question)
            if asset.pk in shown:
                place = f"at rank {shown.index(asset.pk) + 1}"
                assert place in told["rank"].sentence
                matches = page.found[shown.index(asset.pk)].matches
                assert (told["rank"].state == State.GOOD) == matches
            else:
                assert told["rank"].state == State.NOT_ASKED

    def test_by_meaning_it_is_exact(self, shop: dict[str, Asset], cast: Cast) -> None:
        told = explain(shop["red handbag"], cast, "red handbag")
        assert details(told, "rank") == {
            "Semantic rank": "rank 1",
            "Found by": "meaning and words",
        }
        assert told["meaning"].state == State.GOOD
        told = explain(shop["red teapot"], cast, "blue handbag")
        assert details(told, "rank")["Semantic rank"] == "rank 3"
        assert told["meaning"].state == State.NOTE
        assert "after 1 good match." in told["rank"].sentence
        assert ("there are no good matches") in explain(shop["red teapot"], cast, "a submarine")[
            "rank"
        ].sentence

    def test_far_behind_it_says_on_which_page(
        self, bag: Asset, cast: Cast, make_asset: MakeAsset
    ) -> None:
        old = timezone.now() - datetime.timedelta(days=1)
        Asset.objects.filter(pk=bag.pk).update(created_at=old)
        for red in range(PAGE_SIZE):
            make_asset(file=picture_bytes((red, 0, 0), size=(10, 10)))
        told = explain(bag, cast, SearchQuery(filters=Filters(kinds=("product",))))
        # two more are in the shop
        assert told["rank"].sentence.startswith("It is at rank 51 of 51, on page 2.")
        assert told["rank"].state == State.NOTE

    def test_a_collection_has_an_order_of_its_own(self, shop: dict[str, Asset], cast: Cast) -> None:
        collection = Collection.objects.create(brand=cast.acme, name="Summer")
        for title in ("red teapot", "red handbag"):
            collections.add_assets(collection=collection, assets=[shop[title]])
        question = SearchQuery(filters=Filters(collection=collection.pk))
        for place, title in enumerate(("red teapot", "red handbag"), start=1):
            told = explain(shop[title], cast, question)
            assert f"at rank {place} of 2" in told["rank"].sentence

    def test_what_is_asked_with_is_not_looked_for(self, shop: dict[str, Asset], cast: Cast) -> None:
        bag, other = shop["red handbag"], shop["blue handbag"]
        question = SearchQuery(shown=(like_asset(bag),))
        assert "search image itself" in explain(bag, cast, question)["rank"].sentence
        assert "at rank 1 of" in explain(other, cast, question)["rank"].sentence


def test_the_work_is_bounded(
    bag: Asset, cast: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Count queries and Milvus calls.

    Two each for its row and its reader, one for each filter, and four.
    """
    calls = []
    call = milvus_connection.execute

    def counted(run: Any) -> Any:
        calls.append(run)
        return call(run)

    monkeypatch.setattr(milvus_connection, "execute", counted)
    asset = fresh(bag)
    for question, most_queries, most_calls in (
        (SearchQuery(), 4, 2),
        (SearchQuery(filters=PASSING), 8, 2),
        (SearchQuery(text="red handbag -striped", filters=PASSING), 13, 20),
    ):
        calls.clear()
        with CaptureQueriesContext(connection) as queried:
            explanation.explain(asset, person=cast.viewer, question=question)
        assert len(queried) <= most_queries
        assert len(calls) <= most_calls
    assert calls


# ------------------------------------------------------------------------ pages and API


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


class TestPage:
    def test_it_is_asked_with_the_parameters_of_the_library(self, bag: Asset, cast: Cast) -> None:
        address = reverse("asset-why", args=[bag.pk])
        page = signed_in(cast.viewer).get(f"{address}?q=red+handbag&kind=logo&person=viewer")
        text = page.content.decode()
        assert page.status_code == 200
        assert "product is not logo" in text
        assert '<input type="hidden" name="kind" value="logo">' in text
        assert "Remove the filter Logo" in text
        assert 'name="person"' not in text
        assert "no-store" in page["Cache-Control"]

    def test_creators_mend_with_one_click(self, bag: Asset, cast: Cast, index: Index) -> None:
        store.delete([bag.pk], collection=active().collection)
        address = reverse("asset-why", args=[bag.pk]) + "?q=red"
        button = 'name="repair" value="index"'
        assert button not in signed_in(cast.viewer).get(address).content.decode()
        client = signed_in(cast.creator)
        assert button in client.get(address).content.decode()
        answer = client.post(address, {"repair": "index"})
        assert (answer.status_code, answer["Location"]) == (302, address)
        index()
        assert store.fetch([bag.pk], collection=active().collection)

    def test_who_may_do_what(self, bag: Asset, cast: Cast) -> None:
        address = reverse("asset-why", args=[bag.pk])
        assert Client().get(address).status_code == 302
        assert signed_in(cast.outsider).get(address).status_code == 404
        assert signed_in(cast.outsider).post(address, {"repair": "index"}).status_code == 404
        assert signed_in(cast.viewer).post(address, {"repair": "index"}).status_code == 403
        assert signed_in(cast.viewer).get(f"{address}?person=staff").status_code == 403
        page = signed_in(cast.manager).get(f"{address}?person=outsider&q=red")
        assert "outsider is not a member of Acme" in page.content.decode()

    def test_a_question_that_cannot_be_asked_says_so(self, bag: Asset, cast: Cast) -> None:
        address = reverse("asset-why", args=[bag.pk])
        page = signed_in(cast.viewer).get(f"{address}?q=red&brand=other")
        assert page.status_code == 400
        assert "Brand" in page.content.decode()
        assert signed_in(cast.creator).post(address, {"repair": "x"}).status_code == 302

    def test_the_assets_page_and_the_admin_link_here(self, bag: Asset, cast: Cast) -> None:
        page = signed_in(User.objects.create_superuser("root")).get(
            reverse("admin:assetbank_asset_change", args=[bag.pk])
        )
        assert reverse("asset-why", args=[bag.pk]) in page.content.decode()
        state = signed_in(cast.viewer).get(reverse("asset-index-state", args=[bag.pk]))
        text = state.content.decode()
        assert reverse("asset-why", args=[bag.pk]) in text
        assert "Search diagnostics" in text


class TestAPI:
    def test_the_explanation_as_json(self, bag: Asset, cast: Cast) -> None:
        path = f"/api/v1/assets/{bag.pk}/why/"
        body = client_of(cast, "viewer").get(path, {"q": "red handbag", "kind": "logo"}).json()
        assert (body["asset"], body["state"], body["found"]) == (bag.pk, "bad", False)
        steps = {step["name"]: step for step in body["steps"]}
        assert steps["original"]["state"] == "good"
        assert steps["filters"]["details"][0] == {
            "label": "kind",
            "text": "product is not logo",
            "state": "bad",
        }
        assert client_of(cast, "viewer").get(path, {"kind": "x"}).status_code == 400
        assert client_of(cast, "outsider").get(path).status_code == 404
        assert client_of(cast, "viewer").get(path, {"person": "staff"}).status_code == 403
        asked = client_of(cast, "staff").get(path, {"person": "outsider"}).json()
        permission = next(step for step in asked["steps"] if step["name"] == "permission")
        assert permission["state"] == "bad"

    def test_repairs_over_rest(self, bag: Asset, cast: Cast) -> None:
        path = f"/api/v1/assets/{bag.pk}/why/"
        Document.objects.filter(pk=bag.pk).delete()
        assert client_of(cast, "viewer").post(path, {"repair": "words"}).status_code == 403
        assert client_of(cast, "creator").post(path, {"repair": "x"}).status_code == 400
        answer = client_of(cast, "creator").post(path, {"repair": "words"})
        assert (answer.status_code, answer.json()["state"]) == (202, "good")
        assert Document.objects.filter(pk=bag.pk).exists()
