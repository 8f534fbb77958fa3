"""Viewers see approved assets only, on all pages and over REST; editors see all of a brand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from assetbank import permissions
from assetbank.assets import collections
from assetbank.models import Asset, Collection, Membership
from generation.models import Generation, Output
from search.explain import explanation
from search.models import DuplicatePair
from search.query import Filters, SearchQuery, facets, like_asset, rank_for_user, search
from search.saved import searches, updates
from tests.conftest import Cast
from tests.generation.requests import answered
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]
HIDDEN = ("draft", "archived", "quarantined")
SECRET = "zanzibar"  # part of every title, name and prompt that viewers must not see


@pytest.fixture
def shown(make_asset: MakeAsset) -> Asset:
    return make_asset((200, 30, 40), title="Red cape", tags=["cape"])


@pytest.fixture
def hidden(make_asset: MakeAsset) -> dict[str, Asset]:
    return {
        status: make_asset(
            (200, 30, 41 + number),
            title=f"{SECRET} {status}",
            tags=["cape", SECRET],
            filename=f"{SECRET}-{number}.png",
            status=status,
        )
        for number, status in enumerate(HIDDEN)
    }


@pytest.fixture
def made(cast: Cast, shown: Asset, hidden: dict[str, Asset], make_asset: MakeAsset) -> Generation:
    """A generation with an approved and a hidden reference, and a draft as output."""
    generation = Generation.objects.create(
        brand=cast.acme,
        prompt="A cape",
        model="sketch",
        aspect_ratio="1:1",
        state="succeeded",
        created_by=cast.creator,
        full_prompt=f"Image 2: {SECRET}",
    )
    for position, asset in enumerate((shown, hidden["archived"])):
        generation.reference_rows.create(
            asset=asset, position=position, title=asset.title, checksum=asset.checksum
        )
    take = answered(generation)
    output = Output.objects.create(
        generation=generation, take=take, position=0, mime="image/png", asset=hidden["draft"]
    )
    # viewers see a generation only if one of its outputs is approved
    generation.outputs.create(take=take, position=1, mime="image/png", asset=make_asset())
    output.findings.create(code="palette", sentence=f"The {SECRET} is green.")
    return generation


def test_reach_and_queryset_say_the_same(cast: Cast, make_asset: MakeAsset) -> None:
    Membership.objects.create(brand=cast.other, user=cast.viewer, role="creator")
    for status in ("approved", *HIDDEN):
        make_asset(status=status)
        make_asset(status=status, brand=cast.other)
    for name in ("staff", "manager", "creator", "viewer", "outsider"):
        person = getattr(cast, name)
        seen = set(permissions.assets(person))
        assert set(permissions.asset_scope(person).assets()) == seen, name
        assert len(seen) == {"staff": 8, "viewer": 5}.get(name, 4), name
    both = permissions.asset_scope(cast.viewer).intersect(permissions.asset_scope(cast.outsider))
    assert {asset.brand for asset in both.assets()} == {cast.other}
    within = permissions.asset_scope(cast.staff).limit_to(frozenset({cast.acme.pk}))
    assert {asset.brand for asset in within.assets()} == {cast.acme}


@pytest.mark.parametrize("text", ["", "a red thing", "cape", SECRET])
def test_browsing_and_searching(
    cast: Cast, shown: Asset, hidden: dict[str, Asset], index: Index, text: str
) -> None:
    index()
    every = Filters(statuses=("approved", *HIDDEN))

    def found(person: permissions.AnyUser, filters: Filters) -> set[Asset]:
        question = SearchQuery(text=text, filters=filters)
        return {each.asset for each in search(person=person, question=question).found}

    assert found(cast.viewer, every) <= {shown}
    assert found(cast.viewer, Filters(brands=("acme",))) <= {shown}
    assert found(cast.creator, every) >= set(hidden.values())
    counted = facets.count_facets(person=cast.viewer, question=SearchQuery(text=text))
    assert counted.total <= 1
    told = {value.value for facet in counted.facets for value in facet.values}
    assert told.isdisjoint({SECRET, *HIDDEN})


def test_milvus_is_not_even_asked_for_them(
    cast: Cast, shown: Asset, hidden: dict[str, Asset], index: Index
) -> None:
    index()
    question = SearchQuery(text="red", filters=Filters(statuses=("approved", *HIDDEN)))
    ranked = rank_for_user(person=cast.viewer, question=question, depth=64)
    assert [hit.id for hit in ranked.hits] == [shown.pk]


def test_what_was_ranked_before_it_was_taken_back_is_not_shown(
    cast: Cast, shown: Asset, index: Index
) -> None:
    index()
    question = SearchQuery(text="red")
    assert search(person=cast.viewer, question=question).found
    Asset.objects.filter(pk=shown.pk).update(status="draft")  # not synchronised with the index yet
    assert not search(person=cast.viewer, question=question).found


def test_a_role_that_changes_changes_what_is_found_at_once(
    cast: Cast, shown: Asset, hidden: dict[str, Asset], index: Index
) -> None:
    index()
    question = SearchQuery(text="red")
    assert len(search(person=cast.viewer, question=question).found) == 1
    Membership.objects.filter(user=cast.viewer).update(role="creator")
    assert len(search(person=cast.viewer, question=question).found) == 2


@pytest.mark.parametrize("status", HIDDEN)
def test_its_addresses_do_not_exist_for_viewers(
    cast: Cast, client: Client, hidden: dict[str, Asset], status: str
) -> None:
    asset = hidden[status]
    addresses = [
        asset.get_absolute_url(),
        asset.original_url,
        asset.grid_url,
        asset.preview_url,
        *(
            reverse(name, args=[asset.pk])
            for name in (
                "asset-similar",
                "asset-card",
                "asset-index-state",
                "asset-why",
                "asset-duplicates",
                "asset-lineage",
                "asset-findings",
            )
        ),
        f"/duplicates/?asset={asset.pk}",
    ]
    client.force_login(cast.viewer)
    assert [client.get(address).status_code for address in addresses] == [404] * len(addresses)
    client.force_login(cast.creator)
    assert 404 not in [client.get(address).status_code for address in addresses]
    api = client_of(cast, "viewer")
    for path in ("", "why/", "findings/", "decisions/"):
        assert api.get(f"/api/v1/assets/{asset.pk}/{path}").status_code == 404, path
    box = {"left": 0, "top": 0, "right": 1, "bottom": 1}
    client.force_login(cast.viewer)
    assert client.post(reverse("part-search", args=[asset.pk]), box).status_code == 404


def _addresses(patterns: list[Any], before: str = "") -> Iterator[str]:
    """Yield every address about one asset, found in the URL patterns, so also future ones."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern.url_patterns, route)
        elif re.match(r"(api/v1/)?assets/<int:pk>/", route) and "path:" not in route:
            yield "/" + re.sub(r"<slug:\w+>", "grid", route)


def test_no_address_of_a_draft_answers_a_viewer(
    cast: Cast, client: Client, hidden: dict[str, Asset]
) -> None:
    addresses = [
        address.replace("<int:pk>", str(hidden["draft"].pk))
        for address in _addresses(get_resolver().url_patterns)
    ]
    assert len(addresses) > 20
    client.force_login(cast.viewer)
    for address in addresses:
        for ask in (client.get, client.post):
            # 400: the view validates the request first
            assert ask(address).status_code in (400, 403, 404, 405), address
    assert Asset.objects.get(pk=hidden["draft"].pk).status == "draft"


def test_nothing_that_a_viewer_reads_tells_of_them(
    cast: Cast,
    client: Client,
    shown: Asset,
    hidden: dict[str, Asset],
    made: Generation,
    index: Index,
) -> None:
    index()
    collection = Collection.objects.create(brand=cast.acme, name="Summer")
    collections.add_assets(collection=collection, assets=[*hidden.values(), shown])
    DuplicatePair.objects.create(brand=cast.acme, first=shown, second=hidden["draft"], score=1)
    searches.save_search(
        brand=cast.acme, name="Red", question=SearchQuery(text="red"), by=cast.creator
    )
    pages = [
        "/",
        "/?q=red",
        f"/?q={SECRET}",
        "/facets/?q=red",
        "/collections/",
        f"/?collection={collection.pk}",
        "/duplicates/",
        "/duplicates/count/",
        "/saved/",
        "/review/",
        "/generations/",
        f"/generations/{made.pk}/",
        f"/generations/{made.pk}/state/",
        shown.get_absolute_url(),
        *(
            reverse(name, args=[shown.pk])
            for name in ("asset-similar", "asset-lineage", "asset-duplicates", "asset-why")
        ),
    ]
    rest = [
        "assets/",
        "assets/?q=red",
        "facets/?q=red",
        "collections/",
        f"collections/{collection.pk}/",
        "duplicates/",
        "generations/",
        f"generations/{made.pk}/",
        f"assets/{shown.pk}/",
        f"assets/{shown.pk}/similar/",
    ]
    client.force_login(cast.viewer)
    told = {page: client.get(page).text for page in pages}
    api = client_of(cast, "viewer")
    told |= {path: api.get(f"/api/v1/{path}").content.decode() for path in rest}
    for place, text in told.items():
        said = text.replace(f"q={SECRET}", "").replace(f'value="{SECRET}"', "")
        if place != f"/?q={SECRET}":
            assert SECRET not in said, place
        for asset in hidden.values():
            assert f"/assets/{asset.pk}/" not in said, place
    listed = json.loads(told[f"collections/{collection.pk}/"])
    assert (listed["assets"], listed["asset_count"]) == ([shown.pk], 1)
    answer = json.loads(told[f"generations/{made.pk}/"])
    approved = made.outputs.get(position=1).asset_id
    assert [each["asset"] for each in answer["outputs"]] == [approved]
    assert answer["full_prompt"] == ""
    assert [each["asset"] for each in answer["references"]] == [shown.pk, None]


def test_they_are_not_searched_with(
    cast: Cast, shown: Asset, hidden: dict[str, Asset], index: Index
) -> None:
    index()
    api = client_of(cast, "viewer")
    draft = hidden["draft"].pk
    assert api.get("/api/v1/assets/", {"like": draft}).status_code == 400
    assert api.get(f"/api/v1/assets/{draft}/similar/").status_code == 404
    assert api.get("/api/v1/assets/", {"like": shown.pk}).status_code == 200


def test_saved_searches_count_what_each_person_sees(
    cast: Cast, shown: Asset, hidden: dict[str, Asset], index: Index
) -> None:
    index()
    for name, question in (
        ("Ranked", SearchQuery(text="cape")),
        ("Browsed", SearchQuery(filters=Filters(tags=("cape",)))),
        ("Like it", SearchQuery(shown=(like_asset(shown),))),
    ):
        searches.save_search(brand=cast.acme, name=name, question=question, by=cast.creator)

    def counts(person: permissions.AnyUser) -> dict[str, int | None]:
        return {row.saved.name: row.count for row in updates.saved_search_updates(person)}

    assert counts(cast.viewer) == {"Ranked": 1, "Browsed": 1, "Like it": 0}
    assert counts(cast.creator) == {"Ranked": 2, "Browsed": 2, "Like it": 1}


def test_a_manager_is_told_why_a_viewer_does_not_find_a_draft(
    cast: Cast, hidden: dict[str, Asset], index: Index
) -> None:
    index()
    told = explanation.explain(
        hidden["draft"], person=cast.viewer, asker=cast.manager, question=SearchQuery(text="red")
    )
    said = told["permission"].sentence
    assert said == (
        "viewer is a viewer of Acme: viewers see approved assets only, and this one is draft."
    )


def test_approving_shows_it_and_taking_that_back_hides_it(
    cast: Cast, hidden: dict[str, Asset], index: Index
) -> None:
    index()
    draft, address = hidden["draft"], f"/api/v1/assets/{hidden['draft'].pk}/"
    viewer, manager = client_of(cast, "viewer"), client_of(cast, "manager")

    def seen() -> tuple[int, int]:
        index()
        found = viewer.get("/api/v1/assets/", {"q": SECRET}).json()["results"]
        return viewer.get(address).status_code, len(found)

    assert seen() == (404, 0)
    manager.patch(address, {"status": "approved"})
    assert seen() == (200, 1)
    manager.post(f"{address}decisions/", {"verdict": "rejected", "reason": "Too soon."})
    assert seen() == (404, 0)
    assert draft.decisions.count() == 2
