"""Walk 2 on the real parts: PostgreSQL, Milvus Lite, the demo encoder."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from pytest_django import Settings

from assetbank import collecting, intake
from assetbank.demo.pictures import render
from assetbank.demo.specs import Spec
from assetbank.models import Asset, Collection
from search import milvus, queries
from search.errors import InvalidQuestion, SearchUnavailable
from search.forms import QuestionForm
from search.questions import Filters, Question
from tests.conftest import Cast, picture_bytes

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def drawn(obj: str, colour: str, seed: int = 1) -> bytes:
    import io

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


def titles(page: queries.Page) -> list[str]:
    return [found.asset.title for found in page.found]


def test_describing_a_picture_finds_it(shop: dict[str, Asset], cast: Cast) -> None:
    for text in ("red handbag", "blue handbag", "red teapot", "gold watch"):
        page = queries.find(person=cast.viewer, question=Question(text=text))
        assert titles(page)[0] == text
        scores = [found.score for found in page.found if found.score is not None]
        assert len(scores) == 5
        assert scores == sorted(scores, reverse=True)
        assert all(-1 <= score <= 1.001 for score in scores)


def test_nobody_finds_what_they_may_not_see(shop: dict[str, Asset], cast: Cast) -> None:
    question = Question(text="red handbag")
    theirs = shop["theirs"]
    ours = {asset for asset in shop.values() if asset != theirs}

    def found(person: Any, question: Question = question) -> set[Asset]:
        return {hit.asset for hit in queries.find(person=person, question=question).found}

    assert found(cast.viewer) == ours
    assert found(cast.outsider) == {theirs}
    assert found(cast.staff) == ours | {theirs}
    assert found(AnonymousUser()) == set()
    asked_for = Question(text="red handbag", filters=Filters(brands=(cast.other.pk,)))
    assert found(cast.viewer, asked_for) == set()
    assert found(cast.viewer, Question(filters=Filters(brands=(cast.other.pk,)))) == set()


def test_more_like_this_leaves_the_asset_itself_out(shop: dict[str, Asset], cast: Cast) -> None:
    page = queries.find(person=cast.viewer, question=Question(like=shop["red handbag"]))
    assert titles(page)[0] == "blue handbag"
    assert "red handbag" not in titles(page)


def test_showing_a_picture_finds_its_like(shop: dict[str, Asset], cast: Cast) -> None:
    shown = queries.remember_picture(person=cast.viewer, data=drawn("teapot", "red", seed=5))
    page = queries.find(person=cast.viewer, question=Question(picture=shown))
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
]


@pytest.mark.parametrize("text", ["", "something red"], ids=["browsing", "searching"])
def test_filters_mean_the_same_in_postgres_and_in_milvus(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset, index: Index, text: str
) -> None:
    intake.update(asset=shop["gold watch"], kind="logo")
    intake.update(asset=shop["red teapot"], status="archived")
    shop["white sneaker"].origin = "import"
    shop["white sneaker"].save()
    day = timezone.make_aware(datetime.datetime(2024, 5, 1, 23, 30))
    wide = picture_bytes(size=(320, 180))
    make_asset(file=wide, title="wide", created_at=day)
    collection = Collection.objects.create(brand=cast.acme, name="Summer")
    collecting.add(collection=collection, assets=[shop["gold watch"]])
    index()
    inside = Filters(collection=collection.pk)
    for filters, expected in [*FILTERS, (inside, {"gold watch"})]:
        page = queries.find(person=cast.viewer, question=Question(text=text, filters=filters))
        assert set(titles(page)) == expected, filters
    everything = queries.find(person=cast.viewer, question=Question(text=text))
    assert "red teapot" not in titles(everything)  # archived ones only when asked for


@pytest.mark.parametrize("question", [Question(), Question(text="bag")])
def test_pages_have_no_gaps_and_no_repeats_while_assets_come_and_go(
    shop: dict[str, Asset],
    cast: Cast,
    make_asset: MakeAsset,
    index: Index,
    question: Question,
) -> None:
    there = {asset.pk for name, asset in shop.items() if name != "theirs"}
    first = queries.find(person=cast.viewer, question=question, limit=2)
    seen = [found.asset.pk for found in first.found]
    removed = (there - set(seen)).pop()
    intake.remove(asset=Asset.objects.get(pk=removed))
    make_asset(file=drawn("handbag", "green"), title="new")
    index()
    cursor = first.next_cursor
    while cursor:
        page = queries.find(person=cast.viewer, question=question, limit=2, cursor=cursor)
        seen += [found.asset.pk for found in page.found]
        cursor = page.next_cursor
    assert len(seen) == len(set(seen))
    assert set(seen) >= there - {removed}


def test_an_asset_that_is_gone_but_still_in_milvus_leaves_no_hole(
    shop: dict[str, Asset], cast: Cast
) -> None:
    intake.remove(asset=shop["red handbag"])  # and the index worker has not run yet
    page = queries.find(person=cast.viewer, question=Question(text="red handbag"), limit=4)
    assert len(page.found) == 4
    assert page.next_cursor == ""


def test_a_repeated_question_is_answered_from_memory_until_the_index_changes(
    shop: dict[str, Asset],
    cast: Cast,
    make_asset: MakeAsset,
    index: Index,
    settings: Settings,
) -> None:
    question = Question(text="green handbag")
    before = queries.find(person=cast.viewer, question=question)
    settings.MILVUS_URI = "http://127.0.0.1:1"
    milvus.reset()
    assert queries.find(person=cast.viewer, question=question) == before
    settings.MILVUS_URI = ""
    milvus.reset()
    make_asset(file=drawn("handbag", "green"), title="new")
    index()
    assert titles(queries.find(person=cast.viewer, question=question))[0] == "new"


def test_with_milvus_down_searching_says_so_and_browsing_goes_on(
    shop: dict[str, Asset], cast: Cast, milvus_down: None
) -> None:
    with pytest.raises(SearchUnavailable, match="does not answer"):
        queries.find(person=cast.viewer, question=Question(text="never asked before"))
    assert len(queries.find(person=cast.viewer, question=Question()).found) == 5


def test_before_the_first_encoder_searching_says_what_is_missing(cast: Cast) -> None:
    with pytest.raises(SearchUnavailable, match="not ready yet"):
        queries.find(person=cast.viewer, question=Question(text="red"))


def test_an_asset_that_waits_has_no_like_yet(
    shop: dict[str, Asset], cast: Cast, make_asset: MakeAsset
) -> None:
    with pytest.raises(SearchUnavailable, match="not indexed yet"):
        queries.find(person=cast.viewer, question=Question(like=make_asset()))


@pytest.mark.parametrize("cursor", ["x", "W10", "WzFd", "bnVsbA", "é", "W251bGwsbnVsbCxudWxsXQ"])
@pytest.mark.parametrize("text", ["", "red"])
def test_a_cursor_that_was_tampered_with_is_refused(
    shop: dict[str, Asset], cast: Cast, cursor: str, text: str
) -> None:
    with pytest.raises(InvalidQuestion):
        queries.find(person=cast.viewer, question=Question(text=text), cursor=cursor)


def test_the_number_of_queries_does_not_grow_with_the_page(
    shop: dict[str, Asset], cast: Cast, django_assert_num_queries: Any
) -> None:
    for question, most in ((Question(), 1), (Question(text="red"), 3)):
        for limit in (2, 5):
            queries.find(person=cast.viewer, question=question, limit=limit)
            with django_assert_num_queries(most):
                page = queries.find(person=cast.viewer, question=question, limit=limit)
                for found in page.found:
                    assert found.asset.brand.name
                    assert found.asset.tag_names is not None
                    assert found.asset.embedding.state == "indexed"


# ------------------------------------------------------------------------ the form


def test_an_address_becomes_a_question(cast: Cast) -> None:
    form = QuestionForm(
        {
            "q": " red ",
            "brand": ["acme"],
            "kind": ["logo", "product"],
            "tags": "a, b,,a",
            "aspect_ratio": "4:5",
            "min_width": "100",
            "created_after": "2026-01-01",
        },
        person=cast.viewer,
    )
    assert form.is_valid(), form.errors
    assert form.question() == Question(
        text="red",
        filters=Filters(
            brands=(cast.acme.pk,),
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
    ],
    ids=str,
)
def test_what_is_wrong_or_not_to_be_seen_is_an_invalid_choice(
    cast: Cast, data: dict[str, str]
) -> None:
    form = QuestionForm(data, person=cast.viewer)
    assert not form.is_valid()
    assert set(form.errors) == set(data)


def test_another_persons_picture_is_not_there(shop: dict[str, Asset], cast: Cast) -> None:
    shown = queries.remember_picture(person=cast.viewer, data=picture_bytes())
    assert QuestionForm({"picture": str(shown.pk)}, person=cast.viewer).is_valid()
    assert not QuestionForm({"picture": str(shown.pk)}, person=cast.creator).is_valid()
