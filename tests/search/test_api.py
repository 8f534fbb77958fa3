from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from assetbank.assets import collections, update_asset
from assetbank.models import Asset
from search.api.query_params import MEANINGS
from search.models import Embedding, QueryImage, QueryLog
from search.query import SearchForm
from tests.conftest import Cast, picture_bytes
from tests.support.api import Row, client_of, statuses, upload

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]
ASSETS, SEARCH = "/api/v1/assets/", "/api/v1/search/"
RED, BLUE, GREEN = (210, 20, 20), (20, 20, 210), (20, 160, 40)


def titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [asset["title"] for asset in answer.json()["results"]]


@pytest.fixture
def three(make_asset: MakeAsset, index: Index) -> dict[str, Asset]:
    """A red, a nearly red and a blue image, indexed."""
    made = {
        "red": make_asset(RED, title="red", tags=["warm"]),
        "also red": make_asset((190, 10, 30), title="also red", kind="campaign"),
        "blue": make_asset(BLUE, title="blue", tags=["cold", "Sea"]),
    }
    index()
    return made


# One index for all of them: building it takes longer than searching
MATRIX = [
    Row("get", f"{ASSETS}{{asset}}/similar/", (401, 404, 200, 200, 200, 200)),
    Row("post", SEARCH, (401, 400, 200, 200, 200, 200), {"asset": "{asset}"}),
    Row("post", SEARCH, (401, 200, 200, 200, 200, 200), {"image": upload}, multipart=True),
    Row("get", SEARCH, (401, 405, 405, 405, 405, 405)),
    Row("get", ASSETS, (401, 400, 200, 200, 200, 200), {"like": "{asset}"}),
    Row("get", ASSETS, (401, 400, 200, 200, 200, 200), {"brand": "acme"}),
    Row("get", ASSETS, (401, 200, 200, 200, 200, 200), {"q": "red"}),
]


def test_who_may_search(cast: Cast, three: dict[str, Asset]) -> None:
    asked = {str(row): statuses(cast, row, asset=three["red"].pk) for row in MATRIX}
    assert asked == {str(row): row.statuses for row in MATRIX}


def test_what_others_own_is_never_found(cast: Cast, three: dict[str, Asset]) -> None:
    outsider = client_of(cast, "outsider")
    assert titles(outsider.get(ASSETS)) == []
    assert titles(outsider.get(ASSETS, {"q": "red"})) == []
    sent = {"image": upload(picture_bytes(RED))}
    assert titles(outsider.post(SEARCH, sent, format="multipart")) == []


def test_similar_ones_come_nearest_first_with_scores(cast: Cast, three: dict[str, Asset]) -> None:
    client = client_of(cast, "viewer")
    address = f"{ASSETS}{three['red'].pk}/similar/"
    first = client.get(address, {"limit": 1})
    assert titles(first) == ["also red"]
    assert 0 < first.json()["results"][0]["score"] <= 1
    assert first.json()["results"][0]["index_state"] == "indexed"
    following = first.json()["next"]
    assert urlsplit(following).path == address
    assert titles(client.get(following)) == ["blue"]
    assert client.get(following).json()["next"] is None
    assert titles(client.get(address, {"tags": "sea"})) == ["blue"]
    assert titles(client.get(ASSETS, {"like": three["red"].pk})) == ["also red", "blue"]


def test_a_picture_is_searched_with_once_and_paged_by_address(
    cast: Cast, three: dict[str, Asset]
) -> None:
    client = client_of(cast, "viewer")
    sent = {"image": upload(picture_bytes(RED)), "limit": 2, "brand": "acme"}
    answer = client.post(SEARCH, sent, format="multipart")
    assert titles(answer) == ["red", "also red"]
    assert answer.json()["picture"] == str(QueryImage.objects.get().pk)
    following = urlsplit(answer.json()["next"])
    assert following.path == ASSETS
    asked = parse_qs(following.query)
    assert asked["picture"] == [answer.json()["picture"]]
    assert asked["brand"] == ["acme"]
    assert titles(client.get(answer.json()["next"])) == ["blue"]
    # The query image belongs to that user
    stranger = client_of(cast, "creator").get(ASSETS, {"picture": answer.json()["picture"]})
    assert stranger.status_code == 400


def test_a_search_takes_json_and_filters(cast: Cast, three: dict[str, Asset]) -> None:
    body = {"asset": three["red"].pk, "kind": ["campaign", "logo"], "limit": 5}
    answer = client_of(cast, "viewer").post(SEARCH, body)
    assert titles(answer) == ["also red"]
    assert answer.json()["picture"] is None


def test_words_find(cast: Cast, three: dict[str, Asset]) -> None:
    answer = client_of(cast, "viewer").get(ASSETS, {"q": "something blue"})
    assert len(titles(answer)) == 3
    scores = [asset["score"] for asset in answer.json()["results"]]
    assert scores == sorted(scores, reverse=True)
    assert QueryLog.objects.get().clicks is None, "a program does not click"


def test_browsing_filters_and_pages(cast: Cast, make_asset: MakeAsset) -> None:
    collection = collections.create_collection(brand=cast.acme, name="Spring", by=None)
    wide = make_asset(file=picture_bytes(RED, size=(90, 30)), title="wide", tags=["Warm"])
    tall = make_asset(file=picture_bytes(RED, size=(40, 50)), title="tall", kind="logo")
    collections.add_assets(collection=collection, assets=[tall])
    client = client_of(cast, "viewer")
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["tall", "wide"]),
        ({"orientation": "landscape"}, ["wide"]),
        ({"aspect_ratio": "4:5"}, ["tall"]),
        ({"min_width": 50}, ["wide"]),
        ({"tags": "warm"}, ["wide"]),
        ({"kind": ["logo", "render"]}, ["tall"]),
        ({"collection": collection.pk}, ["tall"]),
        ({"origin": "generated"}, []),
        ({"status": "archived"}, []),
        ({"created_before": "2001-01-01"}, []),
    ]
    for asked, found in cases:
        assert titles(client.get(ASSETS, asked)) == found, asked
    page = client.get(f"{ASSETS}?limit=1&brand=acme").json()
    assert [asset["id"] for asset in page["results"]] == [tall.pk]
    assert titles(client.get(page["next"])) == [wide.title]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"kind": "nonsense"}, "kind"),
        ({"brand": "nonsense"}, "brand"),
        ({"brand": "a\x00b"}, "brand"),
        ({"picture": "nonsense"}, "picture"),
        ({"like": 10**30}, "like"),
        ({"collection": 7}, "collection"),
        ({"aspect_ratio": "wide"}, "aspect_ratio"),
        ({"created_after": "soon"}, "created_after"),
        ({"q": "x" * 1_001}, "q"),
        ({"cursor": "nonsense"}, ""),
        ({"cursor": "WzEsMl0"}, ""),
        ({"q": "red", "cursor": "W10"}, ""),
    ],
)
def test_questions_that_make_no_sense(asked: dict[str, Any], field: str, cast: Cast) -> None:
    answer = client_of(cast, "viewer").get(ASSETS, asked)
    if "q" in asked and not field:  # searching needs an encoder
        assert answer.status_code in (400, 503)
        return
    assert answer.status_code == 400
    assert answer.json()["code"] == ("invalid" if field else "invalid_question")
    assert set(answer.json()["errors"]) == ({field} if field else set())


@pytest.mark.parametrize(
    "body", [{}, {"asset": 1, "image": "text"}, {"image": "text"}, {"asset": "one"}, ["asset"]]
)
def test_searches_that_make_no_sense(body: Any, cast: Cast) -> None:
    answer = client_of(cast, "viewer").post(SEARCH, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_words_and_pictures_are_asked_together_each_with_a_weight(
    cast: Cast, three: dict[str, Asset]
) -> None:
    client = client_of(cast, "viewer")
    red, blue = str(three["red"].pk), str(three["blue"].pk)
    assert titles(client.get(ASSETS, {"q": "also", "like": red}))[0] == "also red"
    assert titles(client.get(ASSETS, {"like": [red, f"{blue}*-1"]})) == ["also red"]
    sent = {"image": upload(picture_bytes(BLUE)), "q": "-warm", "tags_none": "nothing"}
    assert titles(client.post(SEARCH, sent, format="multipart"))[0] == "blue"
    nothing_wanted = client.get(ASSETS, {"like": f"{red}*-1"})
    assert nothing_wanted.status_code == 400
    assert nothing_wanted.json()["code"] == "invalid_question"


def test_a_part_of_an_asset_is_searched_with(cast: Cast, three: dict[str, Asset]) -> None:
    client = client_of(cast, "viewer")
    part = {"asset": three["red"].pk, "box": "0,0.25,0.5,0.75"}
    answer = client.post(SEARCH, part, format="json")
    assert {"red", "also red"} == set(titles(answer)[:2])
    following = client.get(ASSETS, {"picture": answer.json()["picture"], "kind": "campaign"})
    assert titles(following) == ["also red"]
    for box in ("0,0,0,1", "0,0,2,1", "nan,0,1,1", "1,2", "a,b,c,d", "0,0,0.01,0.01"):
        refused = client.post(SEARCH, {**part, "box": box}, format="json")
        assert refused.status_code == 400, box
    outsider = client_of(cast, "outsider").post(SEARCH, part, format="json")
    assert set(outsider.json()["errors"]) == {"like"}


def test_each_result_says_what_it_was_found_by(cast: Cast, three: dict[str, Asset]) -> None:
    answer = client_of(cast, "viewer").get(ASSETS, {"q": "sea"}).json()
    first = answer["results"][0]
    assert (first["title"], first["matches"]) == ("blue", True)
    assert "words" in first["matched_by"]
    assert first["highlights"] == [{"field": "tags", "text": "Sea, cold", "words": ["Sea"]}]
    assert answer["matched"] >= 1
    browsing = client_of(cast, "viewer").get(ASSETS).json()
    assert browsing["matched"] is None
    assert browsing["results"][0]["matched_by"] == []


def test_facets_count_what_the_question_matches(cast: Cast, three: dict[str, Asset]) -> None:
    def counts(**asked: str) -> dict[str, dict[str, int]]:
        answer = client_of(cast, "creator").get("/api/v1/facets/", asked)
        assert answer.status_code == 200, answer.json()
        return {
            facet["name"]: {value["value"]: value["count"] for value in facet["values"]}
            for facet in answer.json()["facets"]
        }

    assert counts() == {
        "brand": {"acme": 3},
        "kind": {"product": 2, "campaign": 1},
        "origin": {"upload": 3},
        "status": {"approved": 3},
        "tags": {"Sea": 1, "cold": 1, "warm": 1},
    }
    assert counts(kind="campaign")["kind"] == {"product": 2, "campaign": 1}, "its own is left out"
    assert counts(kind="campaign")["origin"] == {"upload": 1}
    update_asset(asset=three["blue"], status="archived")
    assert counts(q="sea", status="archived")["status"] == {"archived": 1}
    assert counts(status="archived")["status"] == {"approved": 2, "archived": 1}
    update_asset(asset=three["blue"], status="draft")
    assert counts(q="sea")["tags"] == {"Sea": 1, "cold": 1}
    assert counts(q="-warm")["origin"] == {"upload": 2}
    total = client_of(cast, "creator").get("/api/v1/facets/", {"q": "sea"}).json()["total"]
    assert total == 1
    assert client_of(cast, "outsider").get("/api/v1/facets/").json()["total"] == 0
    assert client_of(cast, "anonymous").get("/api/v1/facets/").status_code == 401


def test_what_is_no_picture_is_not_searched_with(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    make_asset()
    index()
    sent = {"image": upload(b"no picture")}
    answer = client_of(cast, "viewer").post(SEARCH, sent, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (415, "picture_unsupported")


def test_searching_says_that_it_is_down_and_browsing_goes_on(
    cast: Cast, three: dict[str, Asset], milvus_down: None
) -> None:
    client = client_of(cast, "viewer")
    answer = client.get(ASSETS, {"q": "never asked before"})
    assert (answer.status_code, answer.json()["code"]) == (503, "search_unavailable")
    assert "Browsing still works" in answer.json()["detail"]
    assert len(titles(client.get(ASSETS))) == 3


def test_an_asset_says_why_it_cannot_be_found_and_is_indexed_again(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    asset = make_asset()
    index()
    Embedding.objects.update(state="failed", reason="This image is damaged.")
    client = client_of(cast, "creator")
    told = client.get(f"{ASSETS}{asset.pk}/").json()
    assert (told["index_state"], told["index_error"]) == ("failed", "This image is damaged.")
    answer = client.post(f"{ASSETS}{asset.pk}/index/")
    assert answer.status_code == 202
    assert (answer.json()["index_state"], answer.json()["index_error"]) == ("pending", "")


def test_an_asset_that_search_has_not_heard_of_waits(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    asset = make_asset()
    index()
    Embedding.objects.all().delete()
    told = client_of(cast, "viewer").get(f"{ASSETS}{asset.pk}/").json()
    assert told["index_state"] == "pending"
    client_of(cast, "creator").post(f"{ASSETS}{asset.pk}/index/")
    assert Embedding.objects.get().asset_id == asset.pk


def test_a_search_takes_as_many_queries_for_twenty_as_for_one(
    cast: Cast,
    make_asset: MakeAsset,
    index: Index,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client: APIClient = client_of(cast, "viewer")
    sent = {"image": upload(picture_bytes(RED))}
    for many in (1, 20):
        while Asset.objects.count() < many:
            make_asset()
        index()
        if many == 1:
            picture = client.post(SEARCH, sent, format="multipart").json()["picture"]
        # Token and user, permission for the image, space and brands, its vector, the query log,
        # assets, authors
        with django_assert_max_num_queries(7):
            answer = client.get(ASSETS, {"picture": picture})
        assert len(titles(answer)) == many


def test_every_filter_is_described() -> None:
    assert set(MEANINGS) == set(SearchForm.base_fields)
