"""Where an image was taken leaves the library as its brand chooses; the stored original stays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client

from assetbank import permissions
from assetbank.assets import downloads, read_original
from assetbank.assets.files import path_without_location
from assetbank.media.metadata import read_metadata, strip_location
from assetbank.models import Asset, Brand
from tests.assetbank.media.metadata.test_location import with_gps
from tests.conftest import Cast, picture_bytes
from tests.support.api import client_of
from tests.support.trash import delete_asset, delete_waiting_files

MakeAsset = Callable[..., Asset]
POLICIES = {  # policy -> users whose downloads keep coordinates
    Brand.GpsPolicy.STRIP_FOR_VIEWERS: {"creator", "manager", "staff"},
    Brand.GpsPolicy.STRIP: set(),
    Brand.GpsPolicy.KEEP: {"viewer", "creator", "manager", "staff"},
}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def get(user: User, address: str) -> bytes:
    response: Any = signed_in(user).get(address)
    assert response.status_code == 200
    data: bytes = response.getvalue()
    return data


@pytest.fixture
def asset(make_asset: MakeAsset) -> Asset:
    return make_asset(file=with_gps("JPEG"), filename="here.jpg")


def test_viewers_get_none_unless_a_brand_chooses_otherwise(cast: Cast) -> None:
    assert cast.acme.gps_policy == Brand.GpsPolicy.STRIP_FOR_VIEWERS


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["viewer", "creator", "manager", "staff"])
def test_downloads_follow_the_policy(cast: Cast, asset: Asset, policy: str, name: str) -> None:
    Brand.objects.update(gps_policy=policy)
    kept = name in POLICIES[Brand.GpsPolicy(policy)]
    user = getattr(cast, name)
    original = get(user, asset.original_url)
    assert (original == with_gps("JPEG")) is kept
    assert original == (with_gps("JPEG") if kept else strip_location(with_gps("JPEG")))
    for fmt in downloads.FORMATS:
        said = read_metadata(get(user, f"/assets/{asset.pk}/download/?format={fmt}"))
        assert (said.latitude is not None) is kept, fmt
        assert said.city == "Köln"
    archive = zipfile.ZipFile(io.BytesIO(get(user, f"/assets/{asset.pk}/record.zip")))
    assert (archive.read("here.jpg") == with_gps("JPEG")) is kept
    answer = client_of(cast, name).get(f"/api/v1/assets/{asset.pk}/download/?format=jpeg")
    assert (read_metadata(answer.getvalue()).latitude is not None) is kept
    assert read_original(asset) == with_gps("JPEG")


@pytest.mark.parametrize(
    ("policy", "viewer"), [("strip_for_viewers", False), ("strip", False), ("keep", True)]
)
def test_rest_shows_the_position_as_the_policy_says(
    cast: Cast, asset: Asset, policy: str, viewer: bool
) -> None:
    Brand.objects.update(gps_policy=policy)
    cast.acme.refresh_from_db()
    for name, sees in (("viewer", viewer), ("creator", True), ("staff", True)):
        shown = client_of(cast, name).get(f"/api/v1/assets/{asset.pk}/").json()
        assert (shown["latitude"] is not None) is sees, name
        assert (cast.acme in permissions.location_brands(getattr(cast, name))) is sees
    assert cast.acme not in permissions.location_brands(cast.outsider)
    assert client_of(cast, "viewer").get("/api/v1/brands/acme/").json()["gps_policy"] == policy


def test_the_copy_is_made_once_and_deleted_with_its_asset(
    cast: Cast, asset: Asset, django_capture_on_commit_callbacks: Any
) -> None:
    path = path_without_location(asset)
    assert not default_storage.exists(path)
    first = get(cast.viewer, asset.original_url)
    assert default_storage.exists(path)
    assert get(cast.viewer, asset.original_url) == first
    default_storage.delete(path)  # the storage has lost it
    assert get(cast.viewer, asset.original_url) == first
    delete_asset(asset=asset)
    delete_waiting_files()
    assert not default_storage.exists(path)


def test_an_original_without_coordinates_is_sent_as_it_is(
    cast: Cast, make_asset: MakeAsset
) -> None:
    data = picture_bytes((3, 2, 1), fmt="JPEG")
    asset = make_asset(file=data)
    for _ in range(2):
        assert get(cast.viewer, asset.original_url) == data
    assert not default_storage.exists(path_without_location(asset))


@pytest.mark.parametrize(("policy", "shown"), [("keep", True), ("strip_for_viewers", False)])
def test_the_page_shows_viewers_a_position_only_if_the_brand_keeps_it(
    cast: Cast, make_asset: MakeAsset, policy: str, shown: bool
) -> None:
    Brand.objects.update(gps_policy=policy)
    asset = make_asset(latitude=52.5, longitude=13.4)
    pages = {
        name: signed_in(getattr(cast, name)).get(asset.get_absolute_url()).content.decode()
        for name in ("viewer", "creator")
    }
    assert ("openstreetmap" in pages["viewer"]) is shown
    assert "openstreetmap" in pages["creator"]
