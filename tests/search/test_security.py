"""Hostile queries, and faults of the index: nothing blocks, and no other user is affected."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from assetbank.assets import collections, update_asset
from assetbank.models import Asset, Collection, Membership
from search.errors import InvalidQuery
from search.indexing import entities, leases, pipeline, spaces
from search.models import Embedding, QueryImage, QueryLog
from search.query import Filters, ImageTerm, SearchQuery, fulltext, search
from search.saved import golden, searches
from search.vectorstore import store
from tests.conftest import Cast
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def written(text: str) -> str:
    """Return a cursor that contains `text`."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["[-100,1,1]", "[0,NaN,0]", "[Infinity,1,1]", "[1e9,1,1]", "[0,1e999,1]", "[" * 3_000],
)
def test_a_cursor_that_somebody_wrote_hits_nobody_else(
    cast: Cast, make_asset: MakeAsset, index: Index, cursor: str
) -> None:
    make_asset(), make_asset()
    index()
    client = client_of(cast, "viewer")
    asked: dict[str, str | float] = {"q": "red", "limit": 1}
    response = client.get("/api/v1/assets/", {**asked, "cursor": written(cursor)})
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_question"
    assert client.get("/api/v1/assets/", asked).status_code == 200


def test_a_cursor_belongs_to_whom_it_was_given_and_to_the_question(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    make_asset(), make_asset(), make_asset()
    index()
    viewer = client_of(cast, "viewer")
    first = viewer.get("/api/v1/assets/", {"q": "red", "limit": "1"}).json()
    cursor = parse_qs(urlsplit(first["next"]).query)["cursor"][0]
    key = QueryLog.objects.get().pk.hex

    def status(name: str, **asked: str) -> int:
        return client_of(cast, name).get("/api/v1/assets/", asked).status_code

    assert status("viewer", q="red", cursor=cursor) == 200
    assert status("creator", q="red", cursor=cursor) == 400
    assert status("viewer", q="blue", cursor=cursor) == 400
    for other in (f'["{key}",-1]', '["x",1]', f'["{key}",1e400]', f'["{"0" * 32}",1]'):
        assert status("viewer", q="red", cursor=written(other)) == 400, other
    past = {"q": "red", "limit": "1", "cursor": written(f'["{key}",99999]')}
    response = viewer.get("/api/v1/assets/", past)
    assert (response.status_code, response.json()["results"]) == (200, [])
    QueryLog.objects.update(ranking=None)
    forgotten = viewer.get(first["next"])
    assert forgotten.status_code == 400
    assert "Search again" in forgotten.json()["detail"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?created_before=9999-12-31", 400),
        ("?created_before=9998-12-31", 200),
        ("?created_after=0001-01-01", 200),
        ("?tags=" + ",".join(map(str, range(100))), 400),
        ("index-states/?waiting=" + "9" * 5_000, 200),
    ],
)
def test_questions_at_the_edge(cast: Cast, query: str, status: int) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(cast.viewer)
    assert client.get(f"/{query}").status_code == status


def ideographs(first: int, many: int) -> str:
    """Return text that an index cannot compress."""
    chance = random.Random(7)
    return "".join(chr(first + chance.randrange(20_000)) for _ in range(many))


LONG = {
    "grows in lower case": "\u0130" * 1_000,
    "three bytes a letter": ideographs(0x4E00, 1_000),
    "four bytes a letter": ideographs(0x20000, 1_000),
    "words": "a b " * 250,
    "unwanted words": f"red {'-a -b ' * 160}",
    "signs": "\\' & | ! <-> :* " * 50,
    "quotation marks": '" ' * 500,
}


@pytest.mark.parametrize("name", LONG)
def test_the_longest_question_is_answered_in_any_script(
    cast: Cast, make_asset: MakeAsset, index: Index, name: str
) -> None:
    make_asset(title="red a b")
    index()
    client = client_of(cast, "viewer")
    for address in ("assets", "facets"):
        response = client.get(f"/api/v1/{address}/", {"q": LONG[name][:1_000]})
        assert response.status_code == 200, response.json()


def test_marking_the_words_of_a_long_question_has_a_limit(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    asset = make_asset(title=" ".join(f"w{number}" for number in range(40)))
    index()
    page = search(person=cast.viewer, question=SearchQuery(text=asset.title))
    assert vars(page.found[0].asset)["marked"].count(fulltext.START) == fulltext.MAX_MARKED


def test_a_question_that_is_too_long_to_be_pinned_says_so(
    cast: Cast, make_asset: MakeAsset
) -> None:
    question, asset = SearchQuery(text=ideographs(0x4E00, 1_000)), make_asset()
    with pytest.raises(InvalidQuery, match="too long"):
        golden.add_golden_query(
            brand=cast.acme, question=question, expected=[asset], by=cast.manager
        )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/duplicates/?brand=%00", 200),
        ("post", "/duplicates/undo/", 302),
        ("get", "/assets/{asset}/why/?person=%00", 200),
        ("get", "/api/v1/assets/{asset}/why/?person=%00", 200),
    ],
)
def test_a_nul_is_in_no_name(
    cast: Cast, make_asset: MakeAsset, method: str, path: str, status: int
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(cast.manager)
    address = path.format(asset=make_asset().pk)
    answer = client.post(address, {"brand": "\0"}) if method == "post" else client.get(address)
    assert answer.status_code == status


def test_a_box_on_no_asset_is_refused(cast: Cast) -> None:
    body = {"asset": "", "box": "0,0,1,1"}
    answer = client_of(cast, "viewer").post("/api/v1/search/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_who_joins_or_leaves_a_brand_gets_another_answer_at_once(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    ours, theirs = make_asset(title="red cape"), make_asset(title="red bag", brand=cast.other)
    index()

    def found() -> tuple[set[int], int | None]:
        page = search(person=cast.viewer, question=SearchQuery(text="red"))
        return {each.asset.pk for each in page.found}, page.matched

    alone = found()
    assert alone[0] == {ours.pk}
    joined = Membership.objects.create(brand=cast.other, user=cast.viewer, role="viewer")
    assert found()[0] == {ours.pk, theirs.pk}
    joined.delete()
    assert found() == alone, "neither pictures nor how many there are"


def test_what_is_put_into_a_collection_is_found_in_it_at_once(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    first, second = make_asset(title="red cape"), make_asset(title="red bag")
    index()
    collection = Collection.objects.create(brand=cast.acme, name="Launch")
    question = SearchQuery(text="red", filters=Filters(collection=collection.pk))
    for there in ([first], [first, second]):
        collections.add_assets(collection=collection, assets=there)
        page = search(person=cast.viewer, question=question)
        assert {each.asset.pk for each in page.found} == {asset.pk for asset in there}


def test_a_picture_that_a_brand_keeps_is_gone_for_who_leaves(
    cast: Cast, make_asset: MakeAsset, index: Index
) -> None:
    asset = make_asset()
    index()
    client = Client()
    client.force_login(cast.creator)
    client.post(f"/assets/{asset.pk}/part/", {"left": 0, "top": 0, "right": 1, "bottom": 1})
    picture = QueryImage.objects.get()
    question = SearchQuery(shown=(ImageTerm(picture=picture.pk),))
    searches.save_search(brand=cast.acme, name="Like this", question=question, by=cast.creator)
    address = f"/picture-search/{picture.pk}/"
    assert client.get(address).status_code == 200
    Membership.objects.filter(user=cast.creator).delete()
    assert client.get(address).status_code == 404


def test_a_slow_worker_does_not_leave_what_was_true_before(
    make_asset: MakeAsset, index: Index
) -> None:
    asset = make_asset()
    index()
    update_asset(asset=asset, kind="logo")
    space = spaces.ensure_active_space()
    (slow,) = leases.claim(space, 1)
    slow.vector = slow.embedding.vector
    update_asset(asset=asset, kind="campaign")
    index()  # another worker is faster
    leases.finish(pipeline._process([slow], space), space)
    assert store.fetch([asset.pk])[asset.pk]["kind"] == "logo"
    index()
    assert store.fetch([asset.pk])[asset.pk]["kind"] == "campaign"


def test_a_picture_that_breaks_indexing_is_found_and_left_out(
    make_asset: MakeAsset, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces.ensure_active_space()
    bad, *good = [make_asset() for _ in range(4)]
    scalars = entities.scalars

    def breaking(asset: Asset) -> Any:
        if asset.pk == bad.pk:
            raise ZeroDivisionError("/secret/path")
        return scalars(asset)

    monkeypatch.setattr(entities, "scalars", breaking)
    deadline = time.monotonic() + 60
    while Embedding.objects.claimable().exists() and time.monotonic() < deadline:
        try:
            index()
        except ZeroDivisionError:
            continue
    states = dict(Embedding.objects.values_list("asset_id", "state"))
    assert states == {bad.pk: "failed", **{asset.pk: "indexed" for asset in good}}
    assert "secret" not in Embedding.objects.get(asset_id=bad.pk).reason
