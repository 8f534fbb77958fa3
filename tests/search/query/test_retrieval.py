"""Tests of search with the real services: PostgreSQL, Milvus Lite, the demo encoder."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.utils import timezone
from pytest_django import Settings

from assetbank.assets import GenerationProvenance, collections, update_asset
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec
from assetbank.models import Asset, Collection
from assetbank.rights import terms
from search.errors import InvalidQuery, SearchUnavailable
from search.models import QueryLog
from search.query import (
    Filters,
    ImageTerm,
    Page,
    Ranking,
    SearchForm,
    SearchQuery,
    embedding,
    facets,
    like_asset,
    retrieval,
    search,
)
from search.vectorstore import connection, store
from tests.conftest import Cast, picture_bytes
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


@cache  # Dozens of tests draw the same images
def drawn(obj: str, colour: str, seed: int = 1) -> bytes:
    buffer = io.BytesIO()
    render(Spec(obj, colour, seed=seed), 256).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def shop(make_asset: MakeAsset, index: Index, cast: Cast) -> dict[str, Asset]:
    wares = {
        f"{colour} {obj}": make_asset(file=drawn(obj, colour), title=f"{colour} {obj}", tags=[obj])
        for obj, colour in (
            ("handbag", "red"),
            ("handbag", "blue"),
            ("teapot", "red"),
            ("watch", "gold"),
            ("sneaker", "white"),
        )
    }
    wares["theirs"] = make_asset(file=drawn("handbag", "red", seed=7), brand=cast.other)
    index()
    return wares


def titles(page: Page) -> list[str]:
    return [found.asset.title for found in page.found]


def test_describing_a_picture_finds_it(shop: dict[str, Asset], cast: Cast) -> None:
    for text in ("red handbag", "blue handbag", "red teapot", "gold watch"):
        page = search(person=cast.viewer, question=SearchQuery(text=text))
        assert titles(page)[0] == text
        assert page.matched == 1


def test_nobody_finds_what_they_may_not_see(shop: dict[str, Asset], cast: Cast) -> None:
    question = SearchQuery(text="red handbag")
    theirs = shop["theirs"]
    ours = {asset for asset in shop.values() if asset != theirs}

    def found(person: Any, question: SearchQuery = question) -> set[Asset]:
        return {hit.asset for hit in search(person=person, question=question).found}

    assert found(cast.viewer) == ours
    assert found(cast.outsider) == {theirs}
    assert found(cast.staff) == ours | {theirs}
    assert found(AnonymousUser()) == set()
    asked_for = SearchQuery(text="red handbag", filters=Filters(brands=("other",)))
    assert found(cast.viewer, asked_for) == set()
    assert found(cast.viewer, SearchQuery(filters=Filters(brands=("other",)))) == set()


def test_more_like_this_leaves_the_asset_itself_out(shop: dict[str, Asset], cast: Cast) -> None:
    page = search(
        person=cast.viewer, question=SearchQuery(shown=(like_asset(shop["red handbag"]),))
    )
    assert titles(page)[0] == "blue handbag"
    assert "red handbag" not in titles(page)


def test_showing_a_picture_finds_its_like(shop: dict[str, Asset], cast: Cast) -> None:
    shown = embedding.save_query_image(person=cast.viewer, data=drawn("teapot", "red", seed=5))
    page = search(person=cast.viewer, question=SearchQuery(shown=(ImageTerm(picture=shown.pk),)))
    assert titles(page)[0] == "red teapot"
    assert bytes(shown.thumbnail)[8:12] == b"WEBP"


FILTERS: list[tuple[Filters, set[str]]] = [
    (Filters(tags=("Handbag",)), {"red handbag", "blue handbag"}),
    (Filters(kinds=("logo",)), {"gold watch"}),
    (Filters(origins=("import",)), {"white sneaker"}),
    (Filters(statuses=("archived",)), {"red teapot"}),
    (Filters(statuses=("draft", "approved"), tags=("teapot",)), set()),
    (Filters(orientation="landscape"), {"wide"}),
    (Filters(orientation="portrait"), set()),
    (Filters(aspect_ratio=16 / 9), {"wide"}),
    (Filters(aspect_ratio=2.0), set()),
    (Filters(min_width=300), {"wide"}),
    (Filters(min_height=200), {"red handbag", "blue handbag", "gold watch", "white sneaker"}),
    (Filters(created_before=datetime.date(2024, 5, 1)), {"wide"}),
    (
        Filters(created_after=datetime.date(2024, 5, 1), created_before=datetime.date(2024, 5, 1)),
        {"wide"},
    ),
    (Filters(created_before=datetime.date(2024, 4, 30)), set()),
    (Filters(tags_any=("teapot", "Handbag", "nothing")), {"red handbag", "blue handbag"}),
    (Filters(tags_none=("HANDBAG", "watch")), {"white sneaker", "wide"}),
    (Filters(tags_any=("watch", "sneaker"), tags_none=("sneaker",)), {"gold watch"}),
    (Filters(colour="#2b63d4"), {"blue handbag"}),
    (Filters(colour="#00ff00"), set()),
    (Filters(usable=True, tags=("handbag",)), {"red handbag"}),
    (Filters(engine_models=("nano", "other")), {"wide"}),
    (Filters(presets=("pack shot",)), {"wide"}),
]


@pytest.mark.parametrize("text", ["", "something red"], ids=["browsing", "searching"])
def test_filters_mean_the_same_in_postgres_and_in_milvus(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset, index: Index, text: str
) -> None:
    update_asset(asset=shop["gold watch"], kind="logo")
    update_asset(asset=shop["red teapot"], status="archived")
    shop["white sneaker"].origin = "import"
    shop["white sneaker"].save()
    day = timezone.make_aware(datetime.datetime(2024, 5, 1, 23, 30))
    wide = picture_bytes(size=(320, 180))
    made_by = GenerationProvenance(1, "nano", "a prompt", preset="pack shot")
    make_asset(file=wide, title="wide", created_at=day, provenance=made_by, by=cast.manager)
    today = timezone.localdate()
    update_asset(asset=shop["blue handbag"], expires_on=today - datetime.timedelta(days=1))
    update_asset(asset=shop["red handbag"], expires_on=today)
    collection = Collection.objects.create(brand=cast.acme, name="Summer")
    collections.add_assets(collection=collection, assets=[shop["gold watch"]])
    index()
    theirs = [
        (Filters(collection=collection.pk), {"gold watch"}),
        (Filters(created_by=cast.manager.pk), {"wide"}),
        (Filters(brands=("acme",), created_by=cast.manager.pk), {"wide"}),
        (Filters(brands=("other",)), set()),
    ]
    for filters, expected in [*FILTERS, *theirs]:
        page = search(person=cast.creator, question=SearchQuery(text=text, filters=filters))
        assert set(titles(page)) == expected, filters
    everything = search(person=cast.creator, question=SearchQuery(text=text))
    assert "red teapot" not in titles(everything)  # Archived assets are found only by status


@pytest.mark.parametrize("text", ["", "something red"], ids=["browsing", "searching"])
def test_only_what_its_terms_allow_is_usable_today(
    shop: dict[str, Asset], cast: Cast, index: Index, text: str
) -> None:
    today = timezone.localdate()
    yesterday = today - datetime.timedelta(days=1)
    update_asset(asset=shop["gold watch"], consent="missing")
    update_asset(asset=shop["white sneaker"], consent="given", consent_until=yesterday)
    update_asset(asset=shop["red teapot"], consent="given", consent_until=today)
    update_asset(asset=shop["blue handbag"], territories=terms.NOWHERE)
    update_asset(asset=shop["red handbag"], status="quarantined", withdrawing=True)
    index()

    def found(filters: Filters) -> set[str]:
        question = SearchQuery(text=text, filters=filters)
        return set(titles(search(person=cast.creator, question=question)))

    assert found(Filters(usable=True)) == {"red teapot"}
    assert found(Filters()) == set(shop) - {
        "theirs",
        "red handbag",
    }  # Hidden, as archived assets are
    assert found(Filters(statuses=("quarantined",))) == {"red handbag"}
    assert found(Filters(statuses=("quarantined",), usable=True)) == set()


@pytest.mark.parametrize("size", [(210, 200), (190, 200)])
def test_a_shape_at_the_limit_is_square_for_postgres_and_for_milvus(
    cast: Cast, make_asset: MakeAsset, index: Index, size: tuple[int, int]
) -> None:
    make_asset(file=picture_bytes(size=size), title="nearly")
    index()
    for text in ("", "something red"):
        question = SearchQuery(text=text, filters=Filters(orientation="square"))
        assert titles(search(person=cast.viewer, question=question)) == ["nearly"]


@pytest.mark.parametrize("most", [2, 3, 4])
def test_what_is_left_is_found_behind_more_unwanted_ones_than_one_answer_holds(
    shop: dict[str, Asset], cast: Cast, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(store, "MAX_HITS", most)
    monkeypatch.setattr(retrieval, "FIRST_DEPTH", 1)
    question = SearchQuery(text="-handbag", shown=(like_asset(shop["red teapot"]),))
    left: list[str] = []
    cursor = ""
    while not left or cursor:
        page = search(person=cast.viewer, question=question, limit=1, cursor=cursor)
        left += titles(page)
        cursor = page.next_cursor
    assert set(left) <= {"gold watch", "white sneaker"}
    assert len(left) == min(most - 1, 2)  # The answer of Milvus includes the query image


def test_what_words_find_comes_before_what_is_merely_near_on_every_page(
    cast: Cast, make_asset: MakeAsset, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "FIRST_DEPTH", 2)
    for number in range(20):
        make_asset(title="Zephyr" if number % 2 else "Other")
    index()
    titled: list[str] = []
    cursor = ""
    while not titled or cursor:
        page = search(
            person=cast.viewer, question=SearchQuery(text="zephyr"), limit=1, cursor=cursor
        )
        titled += titles(page)
        cursor = page.next_cursor
    assert titled == ["Zephyr"] * 10 + ["Other"] * 10


@pytest.mark.parametrize("question", [SearchQuery(), SearchQuery(text="bag")])
def test_pages_have_no_gaps_and_no_repeats_while_assets_come_and_go(
    shop: dict[str, Asset],
    cast: Cast,
    make_asset: MakeAsset,
    index: Index,
    question: SearchQuery,
) -> None:
    there = {asset.pk for name, asset in shop.items() if name != "theirs"}
    first = search(person=cast.viewer, question=question, limit=2)
    seen = [found.asset.pk for found in first.found]
    removed = (there - set(seen)).pop()
    delete_asset(asset=Asset.objects.get(pk=removed))
    make_asset(file=drawn("handbag", "green"), title="new")
    index()
    cursor = first.next_cursor
    while cursor:
        page = search(person=cast.viewer, question=question, limit=2, cursor=cursor)
        seen += [found.asset.pk for found in page.found]
        cursor = page.next_cursor
    assert len(seen) == len(set(seen))
    assert set(seen) >= there - {removed}


def test_what_two_requests_of_one_page_rank_further_is_one_ranking(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    question = SearchQuery(text="bag")
    search(person=cast.viewer, question=question, limit=2)
    asked = QueryLog.objects.get()
    short = Ranking(Ranking.from_bytes(bytes(asked.ranking or b"")).hits[:2], complete=False)
    QueryLog.objects.update(ranking=short.to_bytes())
    first = retrieval._deeper(asked, question, retrieval._scope(cast.viewer, question), short)
    make_asset(file=drawn("handbag", "green"))
    index()
    second = retrieval._deeper(asked, question, retrieval._scope(cast.viewer, question), short)
    assert second.hits == Ranking.from_bytes(first.to_bytes()).hits
    assert len(first.hits) == 5


def test_an_asset_that_is_gone_but_still_in_milvus_leaves_no_hole(
    shop: dict[str, Asset], cast: Cast
) -> None:
    delete_asset(asset=shop["red handbag"])  # The index worker has not run yet
    page = search(person=cast.viewer, question=SearchQuery(text="red handbag"), limit=4)
    assert len(page.found) == 4
    assert page.next_cursor == ""


def test_a_repeated_question_is_answered_from_memory_until_the_index_changes(
    shop: dict[str, Asset],
    cast: Cast,
    make_asset: MakeAsset,
    index: Index,
    settings: Settings,
) -> None:
    question = SearchQuery(text="green handbag")
    before = search(person=cast.viewer, question=question)
    settings.MILVUS_URI = "http://127.0.0.1:1"
    connection.reset()
    assert search(person=cast.viewer, question=question) == before
    settings.MILVUS_URI = ""
    connection.reset()
    make_asset(file=drawn("handbag", "green"), title="new")
    index()
    assert titles(search(person=cast.viewer, question=question))[0] == "new"


def test_with_milvus_down_searching_says_so_and_browsing_goes_on(
    shop: dict[str, Asset], cast: Cast, milvus_down: None
) -> None:
    with pytest.raises(SearchUnavailable, match="is not responding"):
        search(person=cast.viewer, question=SearchQuery(text="never asked before"))
    assert len(search(person=cast.viewer, question=SearchQuery()).found) == 5


def test_before_the_first_encoder_searching_says_what_is_missing(cast: Cast) -> None:
    with pytest.raises(SearchUnavailable, match="not ready yet"):
        search(person=cast.viewer, question=SearchQuery(text="red"))


def test_an_asset_that_waits_has_no_like_yet(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset
) -> None:
    with pytest.raises(SearchUnavailable, match="not indexed yet"):
        search(person=cast.viewer, question=SearchQuery(shown=(like_asset(make_asset()),)))


@pytest.mark.parametrize("cursor", ["x", "W10", "WzFd", "bnVsbA", "é", "W251bGwsbnVsbCxudWxsXQ"])
@pytest.mark.parametrize("text", ["", "red"])
def test_a_cursor_that_was_tampered_with_is_refused(
    shop: dict[str, Asset], cast: Cast, cursor: str, text: str
) -> None:
    with pytest.raises(InvalidQuery):
        search(person=cast.viewer, question=SearchQuery(text=text), cursor=cursor)


QUESTIONS = {
    "browsing": SearchQuery(),
    "words": SearchQuery(text="red"),
    "words that are not wanted": SearchQuery(text="red -teapot"),
    "everything": SearchQuery(
        text='red "handbag" -teapot -"gold watch"',
        filters=Filters(
            brands=("acme",), kinds=("product",), tags_any=("handbag", "watch"), usable=True
        ),
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_takes_at_most_five_queries_whatever_the_page(
    shop: dict[str, Asset],
    cast: Cast,
    name: str,
    django_assert_max_num_queries: Any,
    django_assert_num_queries: Any,
) -> None:
    question = QUESTIONS[name]

    def ask(limit: int) -> None:
        page = search(person=cast.viewer, question=question, limit=limit)
        for found in page.found:
            assert found.asset.brand.name
            assert found.asset.tag_names is not None
            assert vars(found.asset)["index_state"] == "indexed"

    for limit in (2, 5):
        with django_assert_max_num_queries(1 if question.browsing else 5):
            ask(limit)
        with django_assert_num_queries(1 if question.browsing else 2):
            ask(limit)  # Repeated


def test_a_picture_in_the_question_costs_one_more_query_and_no_more(
    shop: dict[str, Asset], cast: Cast, django_assert_max_num_queries: Any
) -> None:
    shown = (like_asset(shop["red handbag"]), like_asset(shop["blue handbag"], -1))
    with django_assert_max_num_queries(5):
        search(person=cast.viewer, question=SearchQuery(text="red", shown=shown))


# ------------------------------------------------------------------------ words and meaning


def test_each_hit_says_what_it_was_found_by(shop: dict[str, Asset], cast: Cast) -> None:
    update_asset(asset=shop["gold watch"], description="A present to go with a red handbag.")
    page = search(person=cast.viewer, question=SearchQuery(text="red handbag"))
    first, second, *others = page.found
    assert (first.asset.title, first.by) == ("red handbag", ["meaning", "words"])
    assert [(each.field, str(each)) for each in first.highlights] == [
        ("title", "red handbag"),
        ("tags", "handbag"),
    ]
    assert (second.asset.title, second.by) == ("gold watch", ["words"])
    assert second.highlights[0].pieces[-1] == (".", False)
    assert ("handbag", True) in second.highlights[0].pieces
    assert [found.by for found in others] == [[]] * 3
    assert page.matched == 2


def test_a_typed_file_name_or_article_number_comes_first(
    shop: dict[str, Asset], cast: Cast
) -> None:
    watch = shop["gold watch"]
    for name in (watch.filename, watch.filename.upper(), watch.filename.removesuffix(".png")):
        page = search(person=cast.viewer, question=SearchQuery(text=name))
        assert page.found[0].asset == watch
        assert "name" in page.found[0].by
    update_asset(asset=shop["red teapot"], description="Article ORV-2231/B")
    page = search(person=cast.viewer, question=SearchQuery(text="orv 2231 b"))
    assert page.found[0].asset == shop["red teapot"]


def test_words_are_found_at_once_and_pictures_when_they_are_indexed(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset
) -> None:
    question = SearchQuery(text="zweisitzer")
    assert search(person=cast.viewer, question=question).matched == 0
    asset = make_asset(title="Sofa, Zweisitzer")
    page = search(person=cast.viewer, question=question)
    assert (page.found[0].asset, page.found[0].by) == (asset, ["words"])


def test_what_nobody_has_is_told_from_what_somebody_has(shop: dict[str, Asset], cast: Cast) -> None:
    for text in ("a submarine", "tax return form", "green umbrella", "xyzzy"):
        page = search(person=cast.viewer, question=SearchQuery(text=text))
        assert page.matched == 0, text
        assert len(page.found) == 5, "the nearest are shown all the same"
        assert not any(found.matches for found in page.found)


def test_a_word_after_a_minus_is_not_wanted(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    question = SearchQuery(text="red -handbag")
    page = search(person=cast.viewer, question=question)
    assert titles(page)[0] == "red teapot"
    assert not any("handbag" in title for title in titles(page)), "as it is written on them"
    untold = make_asset(file=drawn("handbag", "red", seed=3), title="untold")
    index()

    def relevance(question: SearchQuery) -> float:
        page = search(person=cast.viewer, question=question)
        return next(found.relevance or 0 for found in page.found if found.asset == untold)

    assert relevance(question) < relevance(SearchQuery(text="red")), "as the picture shows one"
    assert titles(search(person=cast.viewer, question=SearchQuery(text="-handbag -untold"))) == [
        "white sneaker",
        "gold watch",
        "red teapot",
    ]


def test_words_and_pictures_together_and_pictures_to_stay_away_from(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    bag, teapot = shop["red handbag"], shop["red teapot"]
    but_blue = SearchQuery(text="blue", shown=(like_asset(bag),))
    assert titles(search(person=cast.viewer, question=but_blue))[0] == "blue handbag"
    in_words = make_asset(file=drawn("watch", "gold", seed=5), title="blue", tags=["blue"])
    index()
    page = search(person=cast.viewer, question=but_blue)
    assert titles(page)[0] == "blue handbag", "not what is merely called so"
    assert not next(found for found in page.found if found.asset == in_words).matches
    delete_asset(asset=in_words)
    both = SearchQuery(shown=(like_asset(shop["blue handbag"]), like_asset(teapot)))
    assert titles(search(person=cast.viewer, question=both))[0] == "red handbag"
    away = SearchQuery(text="something red", shown=(like_asset(bag, -1),))
    assert titles(search(person=cast.viewer, question=away))[0] == "red teapot"
    for question in (but_blue, both, away):
        assert not question.assets & {
            found.asset.pk for found in search(person=cast.viewer, question=question).found
        }
    with pytest.raises(InvalidQuery, match="something to look for"):
        search(person=cast.viewer, question=SearchQuery(shown=(like_asset(bag, -1),)))


def test_generated_pictures_are_found_as_the_brand_wishes(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    dream = drawn("handbag", "green")
    make_asset(file=dream, title="dream", origin="generated", status="draft")
    make_asset(file=drawn("handbag", "green", seed=2), title="good", origin="generated")
    for policy, expected in (("all", {"dream", "good"}), ("approved", {"good"}), ("none", set())):
        cast.acme.search_generated = policy
        cast.acme.save()
        index()
        for text in ("green handbag", "dream", "good"):
            page = search(person=cast.creator, question=SearchQuery(text=text))
            assert set(titles(page)) & {"dream", "good"} == expected, (policy, text)
        assert {"dream", "good"} <= set(titles(search(person=cast.creator, question=SearchQuery())))


# ------------------------------------------------------------------------ the form


def test_an_address_becomes_a_question(cast: Cast) -> None:
    form = SearchForm(
        {
            "q": " red ",
            "brand": ["acme"],
            "kind": ["logo", "product"],
            "tags": "a, b,,a",
            "aspect_ratio": "4:5",
            "min_width": "100",
            "created_after": "2026-01-01",
            "usable": "0",
        },
        person=cast.viewer,
    )
    assert form.is_valid(), form.errors
    assert form.question() == SearchQuery(
        text="red",
        filters=Filters(
            brands=("acme",),
            kinds=("logo", "product"),
            tags=("a", "b"),
            aspect_ratio=0.8,
            min_width=100,
            created_after=datetime.date(2026, 1, 1),
        ),
    )


@pytest.mark.parametrize(
    "data",
    [
        {"brand": "other"},
        {"kind": "nonsense"},
        {"aspect_ratio": "4:0"},
        {"aspect_ratio": "wide"},
        {"min_width": "-1"},
        {"created_after": "soon"},
        {"picture": "1f0e8a1e-0000-4000-8000-000000000000"},
        {"like": "999999"},
        {"q": "x" * 1001},
        {"preset": "pack\0shot"},
    ],
    ids=str,
)
def test_what_is_wrong_or_not_to_be_seen_is_an_invalid_choice(
    cast: Cast, data: dict[str, str]
) -> None:
    form = SearchForm(data, person=cast.viewer)
    assert not form.is_valid()
    assert set(form.errors) == set(data)


def test_counts_are_open_upwards_only_where_more_may_match(
    shop: dict[str, Asset],
    cast: Cast,
    make_asset: MakeAsset,
    index: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(3):
        make_asset(file=drawn("watch", "gold", seed=20 + seed), title="red handbag")
    index()
    monkeypatch.setattr(facets, "DEPTH", 2)
    counted = facets.count_facets(person=cast.viewer, question=SearchQuery(text="red handbag"))
    assert (counted.total, counted.capped) == (4, False)


def test_an_empty_value_beside_a_filled_one_does_no_harm(cast: Cast, make_asset: MakeAsset) -> None:
    pk = make_asset().pk
    form = SearchForm(QueryDict(f"like={pk}&like=&brand=acme&collection="), person=cast.viewer)
    assert form.is_valid(), form.errors
    assert form.question() == SearchQuery(
        shown=(ImageTerm(asset=pk),), filters=Filters(brands=("acme",))
    )


def test_another_persons_picture_is_not_there(shop: dict[str, Asset], cast: Cast) -> None:
    shown = embedding.save_query_image(person=cast.viewer, data=picture_bytes())
    assert SearchForm({"picture": str(shown.pk)}, person=cast.viewer).is_valid()
    assert not SearchForm({"picture": str(shown.pk)}, person=cast.creator).is_valid()
