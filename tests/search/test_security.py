"""Questions that mean harm, and an index that meets a fault: nothing is stuck and nobody is hit."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from assetbank import intake
from assetbank.models import Asset
from search import claims, indexing, milvus, rows, spaces
from search.models import Asked, Embedding
from tests.api import client_of
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def written(text: str) -> str:
    """A cursor that says `text`."""
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
    key = Asked.objects.get().pk.hex

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
    Asked.objects.update(ranking=None)
    forgotten = viewer.get(first["next"])
    assert forgotten.status_code == 400
    assert "ask again" in forgotten.json()["detail"]


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


def test_a_slow_worker_does_not_leave_what_was_true_before(
    make_asset: MakeAsset, index: Index
) -> None:
    asset = make_asset()
    index()
    intake.update(asset=asset, kind="logo")
    space = spaces.open_active()
    (slow,) = claims.claim(space, 1)
    slow.vector = slow.embedding.vector
    intake.update(asset=asset, kind="campaign")
    index()  # another worker is quicker
    claims.finish(indexing._process([slow], space), space)
    assert milvus.fetch([asset.pk])[asset.pk]["kind"] == "logo"
    index()
    assert milvus.fetch([asset.pk])[asset.pk]["kind"] == "campaign"


def test_a_picture_that_breaks_indexing_is_found_and_left_out(
    make_asset: MakeAsset, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces.open_active()
    bad, *good = [make_asset() for _ in range(4)]
    scalars = rows.scalars

    def breaking(asset: Asset) -> Any:
        if asset.pk == bad.pk:
            raise ZeroDivisionError("/secret/path")
        return scalars(asset)

    monkeypatch.setattr(rows, "scalars", breaking)
    deadline = time.monotonic() + 60
    while Embedding.objects.claimable().exists() and time.monotonic() < deadline:
        try:
            index()
        except ZeroDivisionError:
            continue
    states = dict(Embedding.objects.values_list("asset_id", "state"))
    assert states == {bad.pk: "failed", **{asset.pk: "indexed" for asset in good}}
    assert "secret" not in Embedding.objects.get(asset_id=bad.pk).reason
