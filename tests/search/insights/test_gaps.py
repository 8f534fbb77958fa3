"""Search gaps: what is counted, what is anonymised, and the shoot list."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from assetbank.models import Asset
from search import tasks
from search.insights import gaps, shoot_list
from search.insights.gaps import Kind
from search.models import QueryLog, ShootListItem
from search.query import SearchQuery, search
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def log_search(
    words: str,
    person: User | None = None,
    *,
    minutes: float = 60,
    matched: int = 1,
    clicks: int | None = 0,
) -> QueryLog:
    """Log a search of `minutes` ago."""
    row = QueryLog.objects.create(
        words=words, person=person, question="q=x", matched=matched, clicks=clicks, ranking=b"\1"
    )
    then = timezone.now() - datetime.timedelta(minutes=minutes)
    QueryLog.objects.filter(pk=row.pk).update(asked_at=then)
    return row


def counts(kind: Kind = Kind.ALL, days: int = 30) -> dict[str, tuple[int, int, int, int]]:
    """Return words -> searches, users, without a match, without a click; worst first."""
    board = gaps.search_gaps(days=days, kind=kind)
    return {g.words: (g.asked, g.people, g.nothing, g.unclicked) for g in board.gaps}


class TestBoard:
    def test_questions_are_counted_by_their_words_and_the_worst_comes_first(
        self, cast: Cast
    ) -> None:
        log_search("teapot", cast.viewer, clicks=2)
        log_search("yacht", cast.viewer, matched=0)
        log_search("yacht", cast.creator, matched=0)
        log_search("yacht", matched=3)
        log_search("coat", cast.viewer)
        log_search("robe", cast.viewer, clicks=None)  # API clients do not click
        log_search("", cast.viewer, matched=0)
        assert list(counts().items()) == [
            ("yacht", (3, 2, 2, 1)),
            ("coat", (1, 1, 0, 1)),
            ("robe", (1, 1, 0, 0)),
            ("teapot", (1, 1, 0, 0)),
        ]
        assert list(counts(Kind.NOTHING)) == ["yacht"]
        assert list(counts(Kind.UNCLICKED)) == ["yacht", "coat"]

    def test_one_persons_repeats_count_once(self, cast: Cast) -> None:
        for minutes in (60, 52, 44):  # each within ten minutes of the previous one
            log_search("yacht", cast.viewer, minutes=minutes, matched=0)
        log_search("yacht", cast.viewer, minutes=20, matched=0)
        log_search("yacht", cast.creator, minutes=59, matched=0)
        assert counts() == {"yacht": (3, 2, 3, 0)}

    def test_a_click_on_any_of_the_repeats_is_a_click(self, cast: Cast) -> None:
        log_search("coat", cast.viewer, minutes=15, clicks=1)
        log_search("coat", cast.viewer, minutes=10)
        assert counts() == {"coat": (1, 1, 0, 0)}

    def test_only_the_chosen_days_count(self, cast: Cast) -> None:
        log_search("coat", cast.viewer, minutes=40 * 24 * 60)
        assert counts(days=30) == {}
        assert counts(days=90) == {"coat": (1, 1, 0, 1)}

    def test_what_people_ask_arrives_there(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        asset = make_asset(title="Cape")
        index()
        page = search(person=cast.viewer, question=SearchQuery(text=" Silk  CAPE -wool"))
        search(person=cast.viewer, question=SearchQuery(text="cape"), keep=False)
        assert list(counts()) == ["silk cape -wool"]
        assert page.asked
        signed_in(cast.viewer).post(f"/asked/{page.asked}/click/")
        assert counts()["silk cape -wool"][3] == 0
        assert asset.pk

    def test_it_is_one_query_and_pages(
        self, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        QueryLog.objects.bulk_create(
            QueryLog(words=f"question {n % 70:03}", question="q=x", matched=n % 2)
            for n in range(700)
        )
        with django_assert_num_queries(1):
            first = gaps.search_gaps(days=30)
        second = gaps.search_gaps(days=30, page=2)
        assert (first.total, first.asked) == (70, 700)
        words = [gap.words for gap in first.gaps + second.gaps]
        assert len(first.gaps) == gaps.PER_PAGE
        assert sorted(words) == sorted(set(words)) == [f"question {n:03}" for n in range(70)]


class TestForgetting:
    def test_names_go_after_the_set_time_and_the_counts_stay(
        self, cast: Cast, settings: Settings
    ) -> None:
        settings.QUESTION_NAMES_DAYS = 20
        old = 25 * 24 * 60
        for minutes in (old, old - 5, old - 9):
            log_search("yacht", cast.viewer, minutes=minutes, matched=0, clicks=1)
        log_search("yacht", cast.viewer, minutes=old - 600, matched=2)
        log_search("yacht", cast.creator, minutes=10, matched=0)
        before = counts()["yacht"]
        tasks.forget_questions(timestamp=0)
        assert before == (3, 2, 2, 1)
        assert counts()["yacht"] == (3, 1, 2, 1), "one is known by name still"
        assert set(QueryLog.objects.values_list("person", flat=True)) == {None, cast.creator.pk}
        assert max(row.clicks or 0 for row in QueryLog.objects.all()) == 3
        gaps.anonymise_old_queries()
        assert counts()["yacht"] == (3, 1, 2, 1)

    def test_rankings_and_wordless_questions_go_after_a_day(self, cast: Cast) -> None:
        day = 24 * 60
        log_search("", cast.viewer, minutes=day + 1)
        log_search("coat", cast.viewer, minutes=day + 1)
        log_search("", cast.viewer, minutes=day - 1)
        log_search("cape", cast.viewer, minutes=day - 1)
        gaps.anonymise_old_queries()
        left = {row.words: row for row in QueryLog.objects.all()}
        assert set(left) == {"", "coat", "cape"}
        assert left["coat"].ranking is None
        assert left["cape"].ranking is not None
        assert left[""].ranking is not None
        assert left["coat"].person == cast.viewer


class TestPage:
    def test_it_is_for_staff(self, cast: Cast) -> None:
        item = ShootListItem.objects.create(words="x")
        for path in ("/gaps/", "/gaps/shoot-list.csv"):
            assert signed_in(cast.manager).get(path).status_code == 403
            assert signed_in(cast.staff).get(path).status_code == 200
            assert Client().get(path).status_code == 302
        for path in ("/gaps/shoot-list/", f"/gaps/shoot-list/{item.pk}/"):
            assert signed_in(cast.manager).post(path, {"words": "y"}).status_code == 403
        assert 'href="/gaps/"' in signed_in(cast.staff).get("/").content.decode()
        assert 'href="/gaps/"' not in signed_in(cast.manager).get("/").content.decode()

    def test_each_question_can_be_asked_again_shot_or_made(self, cast: Cast) -> None:
        log_search('a "blue" yacht & sea -striped', cast.viewer, matched=0)
        page = signed_in(cast.staff).get("/gaps/?kind=nothing&days=90").content.decode()
        assert "/?q=a%20%22blue%22%20yacht%20%26%20sea%20-striped" in page
        studio = "/studio/?prompt=a%20blue%20yacht%20sea"
        assert f'"{studio}"' in page, "a model would draw what is not wanted"
        made = signed_in(cast.staff).get(studio).content.decode()
        assert "a blue yacht sea</textarea>" in made

    @pytest.mark.parametrize(
        ("query", "sentence"),
        [("", "No searches yet"), ("?kind=nothing", "No gaps"), ("?page=3", "No more entries")],
    )
    def test_nothing_to_show_says_so(self, cast: Cast, query: str, sentence: str) -> None:
        assert sentence in signed_in(cast.staff).get(f"/gaps/{query}").content.decode()

    def test_nonsense_is_400_and_shows_the_board(self, cast: Cast) -> None:
        log_search("yacht", cast.viewer)
        answer = signed_in(cast.staff).get("/gaps/?days=7&page=x")
        assert answer.status_code == 400
        assert "yacht" in answer.content.decode()

    def test_the_page_takes_as_many_queries_for_fifty_as_for_one(
        self, cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(60):
            log_search(f"yacht {number}", cast.viewer)
            shoot_list.add_item(words=f"{number}", brand=cast.acme, note="", by=cast.staff)
        client = signed_in(cast.staff)
        with django_assert_max_num_queries(10):
            client.get("/gaps/")


class TestShootList:
    def test_things_are_put_there_ticked_and_deleted(self, cast: Cast) -> None:
        client = signed_in(cast.staff)
        body = {
            "words": " blue  yacht ",
            "brand": "acme",
            "note": "At sea",
            "next": "/gaps/?days=90",
        }
        assert client.post("/gaps/shoot-list/", body).headers["Location"] == "/gaps/?days=90"
        item = ShootListItem.objects.get()
        assert (item.words, item.brand, item.note, item.created_by) == (
            "blue yacht",
            cast.acme,
            "At sea",
            cast.staff,
        )
        client.post(f"/gaps/shoot-list/{item.pk}/", {"done": "1"})
        assert ShootListItem.objects.get().done
        client.post(f"/gaps/shoot-list/{item.pk}/", {"done": "0"})
        assert not ShootListItem.objects.get().done
        assert "blue yacht" in client.get("/gaps/").content.decode()
        client.post(f"/gaps/shoot-list/{item.pk}/", {"delete": "1"})
        assert not ShootListItem.objects.exists()

    def test_without_words_it_says_so_and_leads_nowhere_else(self, cast: Cast) -> None:
        client = signed_in(cast.staff)
        answer = client.post("/gaps/shoot-list/", {"words": " ", "next": "//evil.example/"})
        assert answer.headers["Location"] == "/gaps/#shoot-list"
        assert not ShootListItem.objects.exists()

    def test_the_download_is_a_table_that_computes_nothing(self, cast: Cast) -> None:
        shoot_list.add_item(words="=1+1", brand=None, note="Öl, “hell”", by=cast.staff)
        answer = signed_in(cast.staff).get("/gaps/shoot-list.csv")
        assert "attachment" in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [(row["Words"], row["Note"], row["Done"]) for row in rows] == [
            ("'=1+1", "Öl, “hell”", "no")
        ]
