"""Browsing by capture date: pages follow each other, and undated assets come last."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

import pytest
from django.test import Client

from assetbank.assets import collections, update_asset
from assetbank.models import Asset, Collection
from search.errors import InvalidQuery
from search.query import Filters, SearchQuery, Sort, facets, search
from tests.conftest import Cast
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]
ASSETS = "/api/v1/assets/"


@pytest.fixture
def archive(make_asset: MakeAsset) -> dict[str, Asset]:
    """Return assets by name: two taken at one time, some without a date, added in another order."""
    years = {"c": 2019, "none": None, "a": 1839, "d": 2021, "b": 2019, "nothing": None}
    return {
        name: make_asset(
            title=name, captured_at=datetime.datetime(year, 6, 1, 12) if year else None
        )
        for name, year in years.items()
    }


def paged(cast: Cast, question: SearchQuery, limit: int) -> list[str]:
    titles, cursor = [], ""
    while True:
        page = search(person=cast.viewer, question=question, limit=limit, cursor=cursor)
        titles += [hit.asset.title for hit in page.found]
        if not (cursor := page.next_cursor):
            return titles


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_pages_follow_each_other_in_the_order_of_capture(
    cast: Cast, archive: dict[str, Asset], limit: int
) -> None:
    newest = paged(cast, SearchQuery(sort=Sort.TAKEN_LAST), limit)
    assert newest == ["d", "b", "c", "a", "nothing", "none"]
    oldest = paged(cast, SearchQuery(sort=Sort.TAKEN_FIRST), limit)
    assert oldest == ["a", "c", "b", "d", "none", "nothing"]
    assert paged(cast, SearchQuery(), limit) == [*reversed(archive)]


def test_a_collection_is_sorted_if_one_asks(cast: Cast, archive: dict[str, Asset]) -> None:
    collection = Collection.objects.create(brand=cast.acme, name="Archive")
    chosen = [archive["d"], archive["a"], archive["none"]]
    collections.add_assets(collection=collection, assets=chosen)
    filters = Filters(collection=collection.pk)
    assert paged(cast, SearchQuery(filters=filters), 2) == ["d", "a", "none"]
    by_date = SearchQuery(filters=filters, sort=Sort.TAKEN_FIRST)
    assert paged(cast, by_date, 2) == ["a", "d", "none"]
    client = Client()
    client.force_login(cast.creator)
    address = f"/?collection={collection.pk}"
    assert "move-form" in client.get(address).content.decode()
    assert "move-form" not in client.get(f"{address}&sort=captured_newest").content.decode()


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJ5ZXN0ZXJkYXkiLDFd", "WzEsMV0"])
def test_a_cursor_that_nobody_made_is_invalid(
    cast: Cast, archive: dict[str, Asset], cursor: str
) -> None:
    with pytest.raises(InvalidQuery):
        search(person=cast.viewer, question=SearchQuery(sort=Sort.TAKEN_LAST), cursor=cursor)


def test_programs_and_pages_sort_and_filter_by_capture(
    cast: Cast, archive: dict[str, Asset]
) -> None:
    viewer = client_of(cast, "viewer")
    asked: dict[str, str | int] = {
        "sort": "captured_oldest",
        "captured_from": "1900-01-01",
        "limit": 1,
    }
    answer = viewer.get(ASSETS, asked).json()
    titles = [answer["results"][0]["title"]]
    while answer["next"]:
        answer = viewer.get(answer["next"]).json()
        titles.append(answer["results"][0]["title"])
    assert titles == ["c", "b", "d"]
    assert viewer.get(ASSETS, {"sort": "biggest"}).status_code == 400
    client = Client()
    client.force_login(cast.viewer)
    page = client.get("/?captured_year=2019&captured_to=2019-06-01&sort=captured_oldest")
    text = page.content.decode()
    found = re.findall(r'id="card-(\d+)"', text)
    assert found == [str(archive[name].pk) for name in ("c", "b")]
    for chip in ("taken in 2019", "taken until 2019-06-01", "Taken: oldest first"):
        assert f'aria-label="Remove the filter {chip}"' in text


def test_years_and_creators_are_counted(cast: Cast, archive: dict[str, Asset]) -> None:
    update_asset(asset=archive["a"], creator="Ana Özil")
    update_asset(asset=archive["b"], creator="Ben")
    # New Year's Eve in New York, the next year in UTC
    west = datetime.timezone(datetime.timedelta(hours=-5))
    update_asset(
        asset=archive["d"],
        captured_at=datetime.datetime(2020, 12, 31, 23, tzinfo=west),
        creator="Ben",
    )

    def counts(filters: Filters) -> dict[str, dict[str, int]]:
        counted = facets.count_facets(person=cast.viewer, question=SearchQuery(filters=filters))
        return {
            each.name: {value.value: value.count for value in each.values}
            for each in counted.facets
        }

    everything = counts(Filters())
    assert everything["captured_year"] == {"2020": 1, "2019": 2, "1839": 1}
    assert list(everything["captured_year"]) == ["2020", "2019", "1839"]
    assert everything["creator"] == {"Ben": 2, "Ana Özil": 1}
    of_ben = counts(Filters(creators=("Ben",)))
    assert of_ben["captured_year"] == {"2020": 1, "2019": 1}
    assert of_ben["creator"] == everything["creator"], "its own is left out"
    for year, number in everything["captured_year"].items():
        asked = SearchQuery(filters=Filters(captured_years=(year,)))
        assert len(search(person=cast.viewer, question=asked).found) == number
