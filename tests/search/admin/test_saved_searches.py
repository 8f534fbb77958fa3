"""Saved searches and golden queries in the admin: its forms use the same functions as the pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from assetbank.models import Asset
from search.models import GoldenQuestion, QueryImage, QueryLog, SavedSearch, ShootListItem
from search.query import ImageTerm, SearchQuery
from search.saved import searches
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
GOLDEN = "/admin/search/goldenquestion/"


@pytest.fixture
def boss(cast: Cast, client: Client) -> Client:
    User.objects.filter(pk=cast.staff.pk).update(is_superuser=True)
    client.force_login(cast.staff)
    return client


def test_a_golden_question_is_pinned_changed_and_deleted(
    boss: Client, cast: Cast, make_asset: MakeAsset
) -> None:
    first, second = make_asset(), make_asset()
    body = {"brand": cast.acme.pk, "question": "q=Red+bag&brand=acme", "expected": [first.pk]}
    assert boss.post(f"{GOLDEN}add/", body).status_code == 302
    golden = GoldenQuestion.objects.get()
    assert (golden.question, golden.created_by) == ("q=Red+bag", cast.staff)
    assert list(golden.expected.all()) == [first]
    page = boss.get(f"{GOLDEN}{golden.pk}/change/")
    assert page.status_code == 200
    assert boss.post(f"{GOLDEN}{golden.pk}/change/", {"expected": [second.pk]}).status_code == 302
    assert list(golden.expected.all()) == [second]
    assert "Red bag" in boss.get(GOLDEN).content.decode()
    boss.post(f"{GOLDEN}{golden.pk}/delete/", {"post": "yes"})
    assert not GoldenQuestion.objects.exists()


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("kind=logo", "text or an image"),
        ("q=x&kind=nonsense", "is no longer valid (kind)"),
        ("q=x&brand=other", "a brand other than Acme"),
    ],
)
def test_one_that_cannot_be_asked_is_an_error_of_the_form(
    boss: Client, cast: Cast, make_asset: MakeAsset, question: str, sentence: str
) -> None:
    body = {"brand": cast.acme.pk, "question": question, "expected": [make_asset().pk]}
    page = boss.post(f"{GOLDEN}add/", body)
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert not GoldenQuestion.objects.exists()


def test_pictures_are_let_go_with_a_saved_search_that_is_deleted_here(
    boss: Client, cast: Cast
) -> None:
    picture = QueryImage.objects.create(
        person=cast.creator, fingerprint="f", vector_bytes=b"", thumbnail=b""
    )
    question = SearchQuery(shown=(ImageTerm(picture=picture.pk),))
    saved = searches.save_search(
        brand=cast.acme, name="Like it", question=question, by=cast.creator
    )
    where = "/admin/search/savedsearch/"
    assert "an image" in boss.get(where).content.decode()
    assert boss.get(f"{where}{saved.pk}/change/").status_code == 200
    body = {"action": "delete_selected", "_selected_action": [saved.pk], "post": "yes"}
    boss.post(where, body)
    assert not SavedSearch.objects.exists()
    assert QueryImage.objects.get().brand is None


def test_a_saved_search_is_renamed_as_on_its_page(boss: Client, cast: Cast) -> None:
    names = ("Capes", "Coats")
    _, coats = (
        searches.save_search(
            brand=cast.acme, name=name, question=SearchQuery(text=name), by=cast.creator
        )
        for name in names
    )
    where = f"/admin/search/savedsearch/{coats.pk}/change/"
    page = boss.post(where, {"name": "Capes"})
    assert page.status_code == 200
    assert "Acme already has a saved search “Capes”" in page.content.decode()
    assert boss.post(where, {"name": " Winter  coats "}).status_code == 302
    coats.refresh_from_db()
    assert coats.name == "Winter coats"


def test_what_was_asked_can_be_looked_at_and_the_shoot_list_changed(
    boss: Client, cast: Cast
) -> None:
    row = QueryLog.objects.create(words="blue yacht", question="q=blue+yacht", matched=0)
    assert "blue yacht" in boss.get("/admin/search/querylog/", {"q": "yacht"}).content.decode()
    assert boss.get(f"/admin/search/querylog/{row.pk}/change/").status_code == 200
    assert boss.get("/admin/search/querylog/add/").status_code == 403
    boss.post("/admin/search/shootlistitem/add/", {"words": "blue yacht", "note": ""})
    assert ShootListItem.objects.get().created_by == cast.staff
