"""Fields that a file carries: which values are valid, and the time of capture with its offset."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import models
from django.test import Client
from django.utils import timezone

from assetbank.assets import fields as asset_fields
from assetbank.assets import ingest_asset, merge, update_asset
from assetbank.errors import InvalidAsset
from assetbank.models import Asset
from tests.conftest import Cast, picture_bytes
from tests.support.api import client_of, upload

MakeAsset = Callable[..., Asset]
PLUS_ONE = datetime.timezone(datetime.timedelta(hours=1))
TAKEN = datetime.datetime(2019, 3, 14, 10, 11, tzinfo=PLUS_ONE)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"rating": 6}, "rating must be 0 to 5 stars"),
        ({"rating": -2}, "rating must be 0 to 5 stars"),
        ({"latitude": 91.0, "longitude": 0.0}, "latitude must be -90 to 90"),
        ({"latitude": 0.0, "longitude": -181.0}, "longitude must be -180 to 180"),
        ({"latitude": math.nan, "longitude": 0.0}, "latitude must be"),
        ({"latitude": 12.0}, "needs both latitude and longitude"),
        ({"licensor_url": "javascript:alert(1)"}, "licensor_url must be a web address"),
        ({"licensor_url": "ftp://example.com/"}, "licensor_url must be a web address"),
        ({"captured_at": datetime.datetime(1799, 12, 31)}, "from 1800 until today"),
        ({"captured_at": datetime.datetime(2999, 1, 1)}, "from 1800 until today"),
        ({"captured_at": datetime.datetime.min.replace(tzinfo=PLUS_ONE)}, "no date of this"),
        ({"headline": "x" * 301}, "headline has more than 300"),
        ({"alt_text": "x" * 2_001}, "alt_text has more than 2,000"),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(
    make_asset: MakeAsset, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidAsset, match=sentence):
        update_asset(asset=make_asset(), **fields)


def test_every_text_has_a_maximum_that_its_column_holds() -> None:
    for name, maximum in asset_fields.MAX_LENGTHS.items():
        column = Asset._meta.get_field(name)
        assert isinstance(column, models.Field)
        assert column.max_length is None or column.max_length >= maximum, name


@pytest.mark.parametrize(
    ("given", "utc", "offset", "shown"),
    [
        (TAKEN, (2019, 3, 14, 9, 11), 60, "2019-03-14T10:11:00+01:00"),
        (TAKEN.replace(tzinfo=None), (2019, 3, 14, 10, 11), None, "2019-03-14T10:11:00Z"),
        (TAKEN.replace(tzinfo=datetime.UTC), (2019, 3, 14, 10, 11), None, "2019-03-14T10:11:00Z"),
        (
            TAKEN.replace(tzinfo=ZoneInfo("Europe/London")),
            (2019, 3, 14, 10, 11),
            0,
            "2019-03-14T10:11:00+00:00",
        ),
    ],
)
def test_the_time_of_capture_keeps_its_offset(
    make_asset: MakeAsset, given: datetime.datetime, utc: object, offset: int | None, shown: str
) -> None:
    asset = make_asset()
    update_asset(asset=asset, captured_at=given)
    asset.refresh_from_db()
    assert asset.captured_at is not None
    assert asset.captured_at.astimezone(datetime.UTC).timetuple()[:5] == utc
    assert (asset.captured_offset, asset.captured) == (offset, shown)
    update_asset(asset=asset, headline="Another field")
    asset.refresh_from_db()
    assert (asset.captured_offset, asset.captured) == (offset, shown)
    update_asset(asset=asset, captured_at=None)
    asset.refresh_from_db()
    assert {asset.captured_at, asset.captured_offset, asset.captured} == {None}


def test_a_given_offset_is_used_for_a_time_in_utc(make_asset: MakeAsset) -> None:
    asset = make_asset(captured_at=TAKEN.astimezone(datetime.UTC), captured_offset=60)
    assert Asset.objects.get(pk=asset.pk).captured == "2019-03-14T10:11:00+01:00"


def test_a_new_asset_takes_all_fields(cast: Cast) -> None:
    result = ingest_asset(
        brand=cast.acme,
        file=picture_bytes(),
        filename="a.png",
        by=cast.creator,
        captured_at=TAKEN,
        creator=" Ana\nÖzil ",
        rating=-1,
        latitude=59.9,
        longitude=10.7,
        licensor_url="https://example.com/licence",
        terms_to_check="Editorial use only",
    )
    asset = Asset.objects.get(pk=result.asset.pk)
    assert (asset.creator, asset.rating, asset.captured_offset) == ("Ana Özil", -1, 60)
    assert (asset.latitude, asset.longitude) == (59.9, 10.7)


SENT = {
    "headline": "Gala",
    "alt_text": "A cape",
    "extended_description": "A long one",
    "rating": 4,
    "captured_at": "2019-03-14T10:11:00+01:00",
    "city": "Oslo",
    "country": "Norway",
    "creator": "Ana Özil",
    "copyright": "© Ana Özil",
    "usage_terms": "One year",
    "licensor_url": "https://example.com/licence",
    "latitude": 59.9,
    "longitude": 10.7,
}


def test_programs_write_and_read_all_fields(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset()
    address = f"/api/v1/assets/{asset.pk}/"
    client = client_of(cast, "creator")
    answer = client.patch(address, SENT, format="json")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert {name: told[name] for name in SENT} == SENT
    assert told["place"] == "Oslo, Norway"
    for given in ("2019-03-14T10:11:00+00:00", "2019-03-14T10:11:00Z"):
        assert client.patch(address, {"captured_at": given}).json()["captured_at"] == given
    cleared = client.patch(address, {"captured_at": None, "rating": None}, format="json").json()
    assert (cleared["captured_at"], cleared["rating"]) == (None, None)
    for wrong in ({"captured_at": "yesterday"}, {"rating": 9}, {"licensor_url": "x:y"}):
        assert client.patch(address, wrong, format="json").status_code == 400, wrong


def test_viewers_do_not_read_where_it_was_taken(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(latitude=59.9123, longitude=10.7, city="Oslo")
    address = f"/api/v1/assets/{asset.pk}/"
    for name, latitude in (("viewer", None), ("creator", 59.9123), ("staff", 59.9123)):
        told = client_of(cast, name).get(address).json()
        assert (told["latitude"], told["city"]) == (latitude, "Oslo"), name
        client = Client()
        client.force_login(getattr(cast, name))
        page = client.get(asset.get_absolute_url()).content.decode()
        assert ("59.91230" in page) == (latitude is not None), name


EDIT = {
    "title": "Cape",
    "kind": "product",
    "consent": "not_needed",
    "headline": "Gala",
    "rating": "4",
    "captured_local": "2019-03-14T10:11",
    "captured_zone": "+01:00",
    "licensor_url": "example.com/licence",
    "latitude": "59.9",
    "longitude": "10.7",
}


def test_the_form_keeps_the_clock_of_the_place(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(creator="Ana")
    client = Client()
    client.force_login(cast.creator)
    address = f"/assets/{asset.pk}/edit/"
    assert client.post(address, EDIT).status_code == 302
    asset.refresh_from_db()
    assert (asset.captured, asset.rating) == ("2019-03-14T10:11:00+01:00", 4)
    assert asset.licensor_url == "https://example.com/licence"
    assert asset.creator == "Ana"  # the form had no such field
    page = client.get(asset.get_absolute_url()).content.decode()
    assert 'value="2019-03-14T10:11:00"' in page
    assert "14 March 2019, 10:11</time> <span" in page
    assert "(+01:00)" in page
    for name, wrong in (
        ("captured_zone", "Paris"),
        ("captured_zone", "+99:00"),
        ("captured_local", "yesterday"),
        ("latitude", "91"),
        ("licensor_url", "javascript:x"),
    ):
        answer = client.post(address, {**EDIT, name: wrong})
        assert answer.status_code == 400, wrong
        assert answer.content.decode().count('class="wrong"') == 1, wrong
    client.post(address, {**EDIT, "captured_local": "", "captured_zone": ""})
    asset.refresh_from_db()
    assert (asset.captured_at, asset.captured_offset) == (None, None)


def test_what_an_upload_says_of_all_its_files(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.creator)
    body = {"brand": "acme", "file": upload(), "creator": "Ana", "city": "Oslo", "tags": "a, b"}
    assert client.post("/upload/", body).status_code == 302
    asset = Asset.objects.get()
    assert (asset.creator, asset.city, asset.tag_names) == ("Ana", "Oslo", ["a", "b"])


def test_a_merge_fills_what_is_empty(cast: Cast, make_asset: MakeAsset) -> None:
    keep = make_asset(city="Oslo", rating=0)
    empty = make_asset()
    other = make_asset(
        captured_at=TAKEN,
        creator="Ana",
        country="Sweden",
        rating=5,
        latitude=1.0,
        longitude=2.0,
        terms_to_check="Editorial use only",
    )
    merge.merge_assets(keep=keep, others=[empty, other], by=cast.manager)
    keep.refresh_from_db()
    assert (keep.captured, keep.creator) == ("2019-03-14T10:11:00+01:00", "Ana")
    assert (keep.city, keep.country, keep.rating) == ("Oslo", "", 0)  # its own are kept
    assert (keep.latitude, keep.longitude) == (1.0, 2.0)
    assert keep.terms_to_check == "Editorial use only"
    assert timezone.now() - keep.updated_at < datetime.timedelta(minutes=5)
