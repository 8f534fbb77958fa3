"""Saved searches and golden queries: stored for a brand, opened, counted, measured."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from assetbank.assets import approval, merge
from assetbank.models import Asset, Brand, Collection, Membership
from search import tasks
from search.errors import InvalidQuery
from search.models import (
    GoldenQuestion,
    QueryImage,
    QueryLog,
    SavedSearch,
    SavedSearchVisit,
)
from search.query import Filters, ImageTerm, SearchQuery, like_asset, search
from search.saved import golden as golden_module
from search.saved import searches, stored_query, updates
from tests.conftest import Cast
from tests.support.api import EVERYBODY, Row, client_of, statuses

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]
LOGOS = SearchQuery(filters=Filters(kinds=("logo",)))
CAPES = SearchQuery(text="cape")


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def logo(make_asset: MakeAsset, index: Index) -> Asset:
    asset = make_asset(kind="logo", title="Mark")
    index()
    return asset


def save(cast: Cast, question: SearchQuery = CAPES, name: str = "Capes") -> SavedSearch:
    return searches.save_search(brand=cast.acme, name=name, question=question, by=cast.creator)


def shown_picture(person: User) -> QueryImage:
    return QueryImage.objects.create(
        person=person, fingerprint="f", vector_bytes=b"\0" * 16, thumbnail=b"webp"
    )


def news_of(person: User) -> dict[str, tuple[int | None, int]]:
    """Return the name of each saved search with its number of matches and of new ones."""
    return {row.saved.name: (row.count, row.new) for row in updates.saved_search_updates(person)}


class TestSaving:
    def test_it_is_everybodys_in_the_brand_and_nobodys_outside(self, cast: Cast) -> None:
        address = "q=red+dress+-striped&kind=product&tags_any=silk%2Clinen"
        body = {"name": " Red  dresses ", "question": address, "brand": "acme"}
        assert signed_in(cast.viewer).post("/saved/new/", body).status_code == 403
        answer = signed_in(cast.creator).post("/saved/new/", body)
        saved = SavedSearch.objects.get()
        assert (saved.name, saved.question) == ("Red dresses", address)
        assert answer.headers["Location"] == f"/?{address}&brand=acme"
        for person in (cast.viewer, cast.manager, cast.staff):
            assert "Red dresses" in signed_in(person).get("/saved/").content.decode()
        outsider = signed_in(cast.outsider)
        assert "Red dresses" not in outsider.get("/saved/").content.decode()
        for end in ("", "rename/", "delete/"):
            assert outsider.get(f"/saved/{saved.pk}/{end}").status_code in (404, 405)
            assert outsider.post(f"/saved/{saved.pk}/{end}").status_code in (404, 405)

    def test_opening_it_asks_the_library(self, cast: Cast, make_asset: MakeAsset) -> None:
        logo, _ = make_asset(kind="logo"), make_asset()
        foreign = make_asset(kind="logo", brand=cast.other)
        saved = save(cast, LOGOS)
        page = signed_in(cast.staff).get(f"/saved/{saved.pk}/", follow=True).content.decode()
        assert f'id="card-{logo.pk}"' in page
        assert f'id="card-{foreign.pk}"' not in page, "it is asked within its brand"

    @pytest.mark.parametrize(
        ("name", "question", "sentence"),
        [
            (" \t", CAPES, "name of at most 120"),
            ("n" * 121, CAPES, "name of at most 120"),
            ("Capes", LOGOS, "Acme already has a saved search “Capes”"),
            ("New", SearchQuery(), "every asset matches"),
            ("New", SearchQuery(filters=Filters(brands=("acme",))), "every asset matches"),
        ],
    )
    def test_what_cannot_be_kept_says_why(
        self, cast: Cast, name: str, question: SearchQuery, sentence: str
    ) -> None:
        save(cast)
        with pytest.raises(InvalidQuery, match=sentence):
            save(cast, question, name)
        body = {"name": name, "question": question.to_querystring(), "brand": "acme"}
        page = signed_in(cast.creator).post("/saved/new/", body)
        assert page.status_code == 400
        assert 'role="alert"' in page.content.decode() or 'class="wrong"' in page.content.decode()
        assert SavedSearch.objects.count() == 1

    def test_all_in_the_brand_can_ask_it(self, cast: Cast, make_asset: MakeAsset) -> None:
        foreign = make_asset(brand=cast.other)
        theirs = Collection.objects.create(brand=cast.other, name="Theirs")
        for question in (
            SearchQuery(shown=(like_asset(foreign),)),
            SearchQuery(text="x", filters=Filters(brands=("other",))),
            SearchQuery(filters=Filters(collection=theirs.pk)),
            SearchQuery(filters=Filters(created_by=cast.outsider.pk)),
        ):
            with pytest.raises(
                InvalidQuery, match=r"not belong to Acme|other than Acme|not a member of Acme"
            ):
                save(cast, question)

    def test_the_library_page_offers_saving_and_knows_what_is_saved(self, cast: Cast) -> None:
        client = signed_in(cast.creator)
        assert "Save this search" in client.get("/?kind=logo").content.decode()
        assert "Save this search" not in client.get("/").content.decode()
        assert "Save this search" not in signed_in(cast.viewer).get("/?kind=logo").content.decode()
        saved = save(cast, LOGOS, "Our <logos>")
        for address in ("/?kind=logo", "/?kind=logo&brand=acme"):
            page = client.get(address).content.decode()
            assert "Our &lt;logos&gt;" in page
            assert f"/saved/{saved.pk}/rename/" in page
            assert "Save this search" not in page
        page = signed_in(cast.viewer).get("/?kind=logo").content.decode()
        assert "Our &lt;logos&gt;" in page
        assert f"/saved/{saved.pk}/rename/" not in page


class TestChanging:
    def test_who_made_it_and_managers_rename_and_delete(self, cast: Cast) -> None:
        colleague = User.objects.create_user("colleague")
        Membership.objects.create(brand=cast.acme, user=colleague, role="creator")
        saved = save(cast, LOGOS)
        for person in (cast.viewer, colleague):
            for end in ("rename", "delete"):
                answer = signed_in(person).post(f"/saved/{saved.pk}/{end}/", {"name": "Mine"})
                assert answer.status_code == 403
        signed_in(cast.creator).post(f"/saved/{saved.pk}/rename/", {"name": "All logos"})
        saved.refresh_from_db()
        assert saved.name == "All logos"
        asked = signed_in(cast.manager).get(f"/saved/{saved.pk}/delete/")
        assert "stay in the library" in asked.content.decode()
        answer = signed_in(cast.manager).post(f"/saved/{saved.pk}/delete/")
        assert not SavedSearch.objects.exists()
        assert answer.headers["Location"] == "/?kind=logo&brand=acme", "to be saved again"

    def test_a_name_that_is_taken_is_told(self, cast: Cast) -> None:
        save(cast)
        other = save(cast, LOGOS, "Logos")
        client = signed_in(cast.creator)
        answer = client.post(f"/saved/{other.pk}/rename/", {"name": "Capes"}, follow=True)
        assert "already has a saved search “Capes”" in answer.content.decode()
        other.refresh_from_db()
        assert other.name == "Logos"


class TestPictures:
    def test_a_kept_picture_is_the_brands_until_nothing_holds_it(self, cast: Cast) -> None:
        picture = shown_picture(cast.creator)
        question = SearchQuery(text="in green", shown=(ImageTerm(picture=picture.pk, weight=0.5),))
        first, second = save(cast, question), save(cast, question, "Again")
        QueryImage.objects.update(created_at=timezone.now() - datetime.timedelta(days=9))
        tasks.forget_pictures(timestamp=0)
        assert stored_query.query_of(first, cast.viewer).shown == question.shown
        searches.delete_search(saved=first)
        tasks.forget_pictures(timestamp=0)
        assert QueryImage.objects.filter(brand=cast.acme).exists(), "the second one asks it"
        searches.change_search(saved=second, question=CAPES)
        tasks.forget_pictures(timestamp=0)
        assert not QueryImage.objects.exists()

    def test_two_brands_keep_a_copy_each(self, cast: Cast) -> None:
        picture = shown_picture(cast.staff)
        question = SearchQuery(shown=(ImageTerm(picture=picture.pk),))
        searches.save_search(brand=cast.acme, name="Like it", question=question, by=cast.staff)
        theirs = searches.save_search(
            brand=cast.other, name="Like it", question=question, by=cast.staff
        )
        searches.delete_search(saved=SavedSearch.objects.get(brand=cast.acme))
        assert stored_query.query_of(theirs, cast.outsider).shown[0].picture != picture.pk

    def test_what_asks_with_a_merged_copy_asks_with_the_one_that_is_kept(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        keep, copy, third = (make_asset() for _ in range(3))
        part = shown_picture(cast.creator)
        QueryImage.objects.update(asset=copy)
        shown = (
            ImageTerm(asset=copy.pk, weight=0.5),
            ImageTerm(asset=third.pk),
            ImageTerm(asset=keep.pk),
        )
        question = SearchQuery(text="in green", shown=(*shown, ImageTerm(picture=part.pk)))
        saved, other = save(cast, question), save(cast, SearchQuery(shown=shown[1:2]), "Third")
        merge.merge_assets(keep=keep, others=[copy], by=cast.manager)
        saved.refresh_from_db()
        asked = stored_query.query_of(saved, cast.viewer)
        assert asked.shown == (ImageTerm(asset=keep.pk, weight=0.5), shown[1], question.shown[-1])
        assert saved.question == stored_query.query_key(asked)
        assert QueryImage.objects.get().asset == keep
        before = other.question
        other.refresh_from_db()
        assert other.question == before


class TestNews:
    def test_what_came_in_since_the_last_visit_is_new_to_each_person(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        make_asset(title="Silk cape")
        index()
        save(cast)
        save(cast, LOGOS, "Logos")
        assert news_of(cast.viewer) == {"Capes": (1, 0), "Logos": (0, 0)}
        make_asset(title="Wool cape"), make_asset(title="Mark", kind="logo")
        make_asset(title="Their cape", brand=cast.other)
        index()
        assert news_of(cast.viewer) == {"Capes": (2, 1), "Logos": (1, 1)}
        page = signed_in(cast.viewer).get("/saved/").content.decode()
        assert page.count("1 new") == 2
        signed_in(cast.viewer).get(f"/saved/{SavedSearch.objects.get(name='Capes').pk}/")
        assert news_of(cast.viewer) == {"Capes": (2, 0), "Logos": (1, 1)}
        assert news_of(cast.manager) == {"Capes": (2, 1), "Logos": (1, 1)}

    def test_to_viewers_a_picture_is_new_when_it_is_approved(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        draft = make_asset(title="Cape", kind="logo", status="draft")
        index()
        save(cast)
        save(cast, LOGOS, "Logos")
        save(cast, SearchQuery(filters=Filters(statuses=("approved",))), "Approved")
        assert news_of(cast.viewer) == {"Approved": (0, 0), "Capes": (0, 0), "Logos": (0, 0)}
        approval.decide(asset=draft, by=cast.manager, verdict="approved")
        index()
        assert news_of(cast.viewer) == {"Approved": (1, 1), "Capes": (1, 1), "Logos": (1, 1)}
        assert news_of(cast.creator) == {"Approved": (1, 1), "Capes": (1, 0), "Logos": (1, 0)}

    def test_covers_are_the_best_matches(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        assets = [make_asset(title=f"Cape {n}") for n in range(6)]
        index()
        saved = save(cast, SearchQuery(text="cape"))
        row = next(row for row in updates.saved_search_updates(cast.viewer) if row.saved == saved)
        found = search(person=cast.viewer, question=CAPES).found
        assert list(row.covers) == [each.asset for each in found[:4]]
        assert row.count == len(assets)

    def test_a_dot_shows_when_something_new_waits(self, cast: Cast, make_asset: MakeAsset) -> None:
        saved = save(cast, LOGOS)
        client = signed_in(cast.viewer)
        assert not client.get("/saved/news/").content.strip()
        make_asset(kind="logo")
        assert not client.get("/saved/news/").content.strip(), "not asked for a while"
        assert "new assets match" in signed_in(cast.manager).get("/saved/news/").content.decode()
        signed_in(cast.manager).get(f"/saved/{saved.pk}/")
        assert not signed_in(cast.manager).get("/saved/news/").content.strip(), "seen"

    def test_while_search_is_down_filters_are_counted_and_the_rest_is_listed(
        self, cast: Cast, logo: Asset, milvus_down: None
    ) -> None:
        save(cast)
        save(cast, SearchQuery(text="coat"), "Coats")
        save(cast, LOGOS, "Logos")
        assert news_of(cast.viewer) == {"Capes": (None, 0), "Coats": (None, 0), "Logos": (1, 0)}
        answer = signed_in(cast.viewer).get("/saved/")
        assert answer.status_code == 200
        assert answer.content.decode().count("cannot be counted in the meantime") == 1

    def test_one_that_cannot_be_asked_any_more_stops_no_other(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        make_asset(kind="logo")
        launch = Collection.objects.create(brand=cast.acme, name="Launch")
        gone = save(cast, SearchQuery(text="x", filters=Filters(collection=launch.pk)), "Launch")
        save(cast, LOGOS, "Logos")
        launch.delete()
        assert news_of(cast.viewer) == {"Launch": (None, 0), "Logos": (1, 0)}
        client = signed_in(cast.manager)
        assert "is no longer valid" in client.get("/saved/").content.decode()
        page = client.get(f"/saved/{gone.pk}/")
        assert page.status_code == 400
        assert f"/saved/{gone.pk}/delete/" in page.content.decode()
        assert client.post(f"/saved/{gone.pk}/delete/").headers["Location"] == "/collections/"

    def test_the_work_is_bounded(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        index: Index,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for number in range(5):
            make_asset(title=f"Cape {number}")
        index()
        for number in range(updates.MAX_SEARCHES + 5):
            save(cast, SearchQuery(text=f"cape {number}"), f"Cape {number:02}")
        with django_assert_max_num_queries(7 + 2 * updates.MAX_SEARCHES):
            rows = updates.saved_search_updates(cast.viewer)
        assert len(rows) == updates.MAX_SEARCHES + 5
        assert [row.count is None for row in rows[-6:]] == [False, True, True, True, True, True]


class TestGoldenQuestions:
    @pytest.fixture
    def capes(self, make_asset: MakeAsset, index: Index) -> list[Asset]:
        capes = [make_asset(title=f"Cape {n}") for n in range(3)]
        make_asset(title="Teapot")
        index()
        return capes

    def test_a_manager_pins_what_is_right_and_measures(
        self, cast: Cast, capes: list[Asset]
    ) -> None:
        client = signed_in(cast.manager)
        page = client.get("/golden/new/?q=cape&brand=acme").content.decode()
        ticked = {int(pk) for pk in re.findall(r'value="(\d+)" checked', page)}
        assert {asset.pk for asset in capes} <= ticked
        named = f"http://127.0.0.1:8000/assets/{capes[1].pk}/why/?q=3, {capes[1].pk}"
        chosen = {"asset": [capes[0].pk], "others": named}
        client.post("/golden/new/?q=cape&brand=acme", chosen)
        golden = GoldenQuestion.objects.get()
        assert golden.question == "q=cape"
        assert set(golden.expected.all()) == set(capes[:2])
        client.post("/golden/measure/")
        golden.refresh_from_db()
        assert golden.measured["recall"] == 1
        page = client.get("/golden/").content.decode()
        assert re.search(r"Recall@10</dt><dd>1\.00", page)
        again = client.get("/golden/new/?q=cape")
        assert again.headers["Location"] == f"/golden/{golden.pk}/", "pinned once only"

    def test_other_answers_are_measured_anew(self, cast: Cast, capes: list[Asset]) -> None:
        golden = golden_module.add_golden_query(
            brand=cast.acme, question=CAPES, expected=capes[:1], by=cast.manager
        )
        GoldenQuestion.objects.update(measured={"ndcg": 1.0})
        client = signed_in(cast.manager)
        page = client.get(f"/golden/{golden.pk}/").content.decode()
        assert re.findall(r'value="(\d+)" checked', page) == [str(capes[0].pk)]
        client.post(f"/golden/{golden.pk}/", {"asset": [capes[2].pk]})
        golden.refresh_from_db()
        assert list(golden.expected.all()) == [capes[2]]
        assert golden.measured == {}
        client.post(f"/golden/{golden.pk}/delete/")
        assert not GoldenQuestion.objects.exists()

    def test_answers_can_be_named_while_search_is_down(
        self, cast: Cast, logo: Asset, milvus_down: None
    ) -> None:
        client = signed_in(cast.manager)
        assert "Search is unavailable" in client.get("/golden/new/?q=mark").content.decode()
        client.post("/golden/new/?q=mark", {"others": str(logo.pk)})
        assert list(GoldenQuestion.objects.get().expected.all()) == [logo]
        told = client.post("/golden/measure/", follow=True).content.decode()
        assert "Search is unavailable" in told
        assert GoldenQuestion.objects.get().measured == {}

    def test_wrong_ones_are_refused_with_a_sentence(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        foreign = make_asset(brand=cast.other)
        client = signed_in(cast.manager)
        for body, sentence in (
            ({}, "Choose the expected assets"),
            ({"others": str(foreign.pk)}, "Acme has no asset"),
            ({"others": "http://127.0.0.1/collections/"}, "neither the URL nor the ID"),
        ):
            answer = client.post("/golden/new/?q=cape", body)
            assert answer.status_code == 400
            assert sentence in answer.content.decode()
        own = make_asset(status="draft")
        golden_module.add_golden_query(
            brand=cast.acme, question=CAPES, expected=[own], by=cast.manager
        )
        for question, match in ((LOGOS, "text or an image"), (CAPES, "already")):
            with pytest.raises(InvalidQuery, match=match):
                golden_module.add_golden_query(
                    brand=cast.acme, question=question, expected=[own], by=cast.manager
                )
        told = client_of(cast, "viewer").get("/api/v1/golden-questions/").json()
        assert told["results"][0]["expected"] == [], "a viewer is not told of drafts"

    def test_they_are_for_managers(self, cast: Cast, make_asset: MakeAsset) -> None:
        golden = golden_module.add_golden_query(
            brand=cast.acme, question=CAPES, expected=[make_asset()], by=cast.manager
        )
        for person in (cast.viewer, cast.creator):
            for path in ("/golden/", "/golden/new/?q=x", f"/golden/{golden.pk}/"):
                assert signed_in(person).get(path).status_code == 403
        assert signed_in(cast.outsider).get(f"/golden/{golden.pk}/").status_code == 404
        assert "cape" not in signed_in(cast.outsider).get("/golden/").content.decode()
        assert ("Add to test set") in signed_in(cast.manager).get("/?q=cape").content.decode()
        assert ("Add to test set") not in signed_in(cast.creator).get("/?q=cape").content.decode()

    def test_the_list_takes_as_many_queries_for_ten_as_for_one(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        assets = [make_asset() for _ in range(8)]
        for number in range(10):
            question = SearchQuery(text=f"cape {number}", shown=(like_asset(assets[0]),))
            golden_module.add_golden_query(
                brand=cast.acme, question=question, expected=assets, by=cast.manager
            )
        client = signed_in(cast.manager)
        with django_assert_max_num_queries(10):
            client.get("/golden/")


class TestClicks:
    def test_only_ones_own_question_counts(self, cast: Cast) -> None:
        asked = QueryLog.objects.create(
            person=cast.viewer, words="cape", question="q=cape", matched=1
        )
        for person in (cast.viewer, cast.viewer, cast.creator):
            assert signed_in(person).post(f"/asked/{asked.pk}/click/").status_code == 204
        asked.refresh_from_db()
        assert asked.clicks == 2
        assert signed_in(cast.viewer).get(f"/asked/{asked.pk}/click/").status_code == 405

    def test_the_token_of_the_page_goes_with_it(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        make_asset(title="Cape")
        index()
        client = Client(enforce_csrf_checks=True)
        client.force_login(cast.viewer)
        page = client.get("/?q=cape").content.decode()
        pk = re.search(r'data-asked="([0-9a-f-]{36})"', page)
        token = re.search(r'"X-CSRFToken": "(\w+)"', page)
        assert pk
        assert token
        click = f"/asked/{pk[1]}/click/"
        assert client.post(click).status_code == 403
        assert client.post(click, {"csrfmiddlewaretoken": token[1]}).status_code == 204
        assert QueryLog.objects.get(pk=pk[1]).clicks == 1


ROWS = [
    Row("get", "/api/v1/saved-searches/", (401, 200, 200, 200, 200, 200)),
    Row("get", "/api/v1/saved-searches/{saved}/", (401, 404, 200, 200, 200, 200)),
    Row("get", "/api/v1/saved-searches/{saved}/assets/", (401, 404, 200, 200, 200, 200)),
    Row(
        "post",
        "/api/v1/saved-searches/",
        (401, 400, 403, 201, 201, 201),
        {"brand": "acme", "name": "New", "question": "kind=logo"},
    ),
    Row(
        "patch", "/api/v1/saved-searches/{saved}/", (401, 404, 403, 200, 200, 200), {"name": "New"}
    ),
    Row("delete", "/api/v1/saved-searches/{saved}/", (401, 404, 403, 204, 204, 204)),
    Row("get", "/api/v1/golden-questions/", (401, 200, 200, 200, 200, 200)),
    Row(
        "post",
        "/api/v1/golden-questions/",
        (401, 400, 403, 403, 201, 201),
        {"brand": "acme", "question": "q=cape", "expected": lambda: [Asset.objects.get().pk]},
    ),
    Row("delete", "/api/v1/golden-questions/{golden}/", (401, 404, 403, 403, 204, 204)),
]


class TestApi:
    @pytest.mark.parametrize("row", ROWS, ids=str)
    def test_who_may_do_what(self, row: Row, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        saved = save(cast, LOGOS)
        golden = golden_module.add_golden_query(
            brand=cast.acme, question=SearchQuery(text="bag"), expected=[asset], by=cast.manager
        )
        assert len(EVERYBODY) == len(row.statuses)
        assert statuses(cast, row, saved=saved.pk, golden=golden.pk) == row.statuses

    def test_what_a_saved_search_finds_is_paged(self, cast: Cast, make_asset: MakeAsset) -> None:
        assets = [make_asset(kind="logo") for _ in range(5)]
        make_asset()
        client = client_of(cast, "viewer")
        saved = save(cast, LOGOS)
        told = client.get(f"/api/v1/saved-searches/{saved.pk}/").json()
        assert told["question"] == "kind=logo&brand=acme"
        first = client.get(f"{told['assets']}?limit=3").json()
        rest = client.get(first["next"]).json()
        found = [each["id"] for each in first["results"] + rest["results"]]
        assert found == [asset.pk for asset in reversed(assets)]
        assert rest["next"] is None
        assert set(first) == set(client.get("/api/v1/assets/").json())

    def test_it_can_ask_something_else(self, cast: Cast) -> None:
        saved = save(cast)
        client = client_of(cast, "creator")
        address = f"/api/v1/saved-searches/{saved.pk}/"
        answer = client.patch(address, {"question": "q=coat&kind=product"}).json()
        assert (answer["name"], answer["question"]) == ("Capes", "q=coat&kind=product&brand=acme")
        assert client.patch(address, {"question": "kind=nonsense"}).status_code == 400

    def test_lists_take_as_many_queries_for_ten_as_for_one(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        asset: Any = make_asset()
        for number in range(10):
            question = SearchQuery(text=f"cape {number}")
            save(cast, question, f"Cape {number}")
            golden_module.add_golden_query(
                brand=cast.acme, question=question, expected=[asset], by=cast.manager
            )
        client = client_of(cast, "viewer")
        for path in ("saved-searches", "golden-questions"):
            with django_assert_max_num_queries(5):
                answer = client.get(f"/api/v1/{path}/").json()
            assert len(answer["results"]) == 10


def test_visits_and_kept_questions_go_with_their_brand(cast: Cast) -> None:
    brand = Brand.objects.create(name="Gone", slug="gone")
    searches.save_search(brand=brand, name="X", question=CAPES, by=cast.staff)
    brand.delete()
    assert not SavedSearch.objects.exists()
    assert not SavedSearchVisit.objects.exists()
