"""Permissions for every address of search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assetbank.models import Asset
from search.models import DuplicatePair, QueryImage, QueryLog, ShootListItem
from search.query import Filters, SearchQuery, search
from search.saved import golden as golden_module
from search.saved import searches
from tests.conftest import Cast
from tests.support.addresses import DRAFTS, OURS, Address, keys, wrong
from tests.support.api import EVERYBODY, upload

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]
A, P, V, C, M, S = EVERYBODY
PART = {"left": 0, "top": 0, "right": 1, "bottom": 1}
GOLDEN = {"brand": "acme", "question": "q=hat", "expected": "{listed}"}
ADDRESSES = [
    Address("get", "/export.csv?brand=acme", C),
    # Results depend on the user
    Address("get", "/", P),
    Address("get", "/facets/", P),
    Address("post", "/picture-search/", P, {"picture": upload}),
    Address("get", "/index-states/?waiting={shown}&waiting={draft}", P),
    Address("post", "/asked/{asked_uuid}/click/", P),
    Address("get", "/saved/", P),
    Address("get", "/saved/news/", P),
    Address("get", "/duplicates/", P),
    Address("get", "/duplicates/count/", P),
    Address("get", "/api/v1/assets/", P),
    Address("get", "/api/v1/facets/", P),
    Address("get", "/api/v1/saved-searches/", P),
    Address("get", "/api/v1/golden-questions/", P),
    Address("get", "/api/v1/duplicates/", P),
    Address("post", "/api/v1/search/", P, {"image": upload}),
    # an approved asset
    Address("get", "/?like={shown}", V),
    Address("post", "/assets/{shown}/part/", V, PART),
    Address("get", "/assets/{shown}/similar/", V),
    Address("get", "/assets/{shown}/card/", V),
    Address("get", "/assets/{shown}/index-state/", V),
    Address("post", "/assets/{shown}/index-again/", C),
    Address("get", "/assets/{shown}/why/", V),
    Address("get", "/assets/{shown}/duplicates/", V),
    Address("get", "/api/v1/assets/{shown}/", V),
    Address("patch", "/api/v1/assets/{shown}/", C, {"title": "New"}),
    Address("delete", "/api/v1/assets/{shown}/", M),
    Address("get", "/api/v1/assets/{shown}/similar/", V),
    Address("get", "/api/v1/assets/{shown}/why/", V),
    Address("post", "/api/v1/assets/{shown}/why/", C, {"repair": "index"}),
    Address("post", "/api/v1/assets/{shown}/index/", C),
    Address("post", "/api/v1/assets/", C, {"file": upload, "brand": "acme"}),
    # a draft
    Address("get", "/?like={draft}", C),
    Address("post", "/assets/{draft}/part/", C, PART),
    Address("get", "/assets/{draft}/similar/", C),
    Address("get", "/assets/{draft}/card/", C),
    Address("get", "/assets/{draft}/index-state/", C),
    Address("get", "/assets/{draft}/why/", C),
    Address("get", "/assets/{draft}/duplicates/", C),
    Address("get", "/api/v1/assets/{draft}/", C),
    Address("get", "/api/v1/assets/{draft}/similar/", C),
    Address("get", "/api/v1/assets/{draft}/why/", C),
    Address("post", "/api/v1/search/", C, {"asset": "{draft}"}),
    # A query image of a brand's saved query
    Address("get", "/picture-search/{picture_uuid}/", V),
    # Duplicates
    Address("get", "/duplicates/compare/?asset={shown}&asset={draft}", C),
    Address("post", "/duplicates/merge/", M, {"keep": "{shown}", "asset": "{both}"}),
    Address("post", "/duplicates/not-the-same/", C, {"asset": "{both}"}),
    Address("post", "/duplicates/the-same/", C, {"asset": "{both}"}),
    Address("post", "/duplicates/undo/", P),
    Address("post", "/api/v1/duplicates/merge/", M, {"keep": "{shown}", "others": "{listed}"}),
    Address("post", "/api/v1/duplicates/not-the-same/", C, {"assets": "{both}"}),
    # saved searches
    Address("post", "/saved/new/", C, {"name": "New", "brand": "acme", "question": "kind=logo"}),
    Address("get", "/saved/{saved}/", V),
    Address("post", "/saved/{saved}/rename/", C, {"name": "New"}),
    Address("get", "/saved/{saved}/delete/", C),
    Address("post", "/saved/{saved}/delete/", C),
    Address(
        "post",
        "/api/v1/saved-searches/",
        C,
        {"name": "New", "brand": "acme", "question": "kind=logo"},
    ),
    Address("get", "/api/v1/saved-searches/{saved}/", V),
    Address("get", "/api/v1/saved-searches/{saved}/assets/", V),
    Address("patch", "/api/v1/saved-searches/{saved}/", C, {"name": "New"}),
    Address("delete", "/api/v1/saved-searches/{saved}/", C),
    # golden questions
    Address("get", "/golden/", M),
    Address("post", "/golden/measure/", M),
    Address("get", "/golden/new/?q=hat&brand=acme", M),
    Address("post", "/golden/new/?q=hat&brand=acme", M, {"asset": "{shown}"}),
    Address("get", "/golden/{golden}/", M),
    Address("post", "/golden/{golden}/", M, {"asset": "{shown}"}),
    Address("get", "/golden/{golden}/delete/", M),
    Address("post", "/golden/{golden}/delete/", M),
    Address("post", "/api/v1/golden-questions/", M, GOLDEN),
    Address("get", "/api/v1/golden-questions/{golden}/", V),
    Address("delete", "/api/v1/golden-questions/{golden}/", M),
    # Searches of all users
    Address("get", "/gaps/", S),
    Address("get", "/gaps/shoot-list.csv", S),
    Address("post", "/gaps/shoot-list/", S, {"words": "a cape"}),
    Address("post", "/gaps/shoot-list/{wanted}/", S, {"done": "1"}),
]


@pytest.fixture
def ids(cast: Cast, make_asset: MakeAsset, index: Index) -> dict[str, Any]:
    shown = make_asset(title=f"{OURS} cape", tags=[OURS])
    draft = make_asset(title=f"{DRAFTS} hat", tags=[DRAFTS], status="draft")
    index()
    DuplicatePair.objects.create(brand=cast.acme, first=shown, second=draft, score=1)
    question = SearchQuery(text="cape", filters=Filters(kinds=("product",)))
    saved = searches.save_search(
        brand=cast.acme, name=f"{OURS} capes", question=question, by=cast.creator
    )
    golden = golden_module.add_golden_query(
        brand=cast.acme, question=question, expected=[shown, draft], by=cast.manager
    )
    picture = QueryImage.objects.create(
        person=cast.creator, brand=cast.acme, fingerprint="f", vector_bytes=b"", thumbnail=b"w"
    )
    search(person=cast.manager, question=SearchQuery(text=OURS))
    return {
        "shown": shown.pk,
        "draft": draft.pk,
        "listed": [draft.pk],
        "both": [shown.pk, draft.pk],
        "saved": saved.pk,
        "golden": golden.pk,
        "picture_uuid": picture.pk,
        "asked_uuid": QueryLog.objects.get().pk,
        "wanted": ShootListItem.objects.create(words=OURS).pk,
    }


def test_every_address_is_for_whom_it_is_meant(cast: Cast, ids: dict[str, Any]) -> None:
    told = wrong(cast, ADDRESSES, **ids)
    assert not told, "\n".join(told)


def test_every_address_is_in_the_table() -> None:
    """Require a row for each address, with the first of EVERYBODY who has access."""
    assert {each.key for each in ADDRESSES} == keys("search")
