"""Files in a bucket: an S3 server over HTTP, configured by STORAGE_URL."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import boto3
import pytest
import requests
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from moto.server import ThreadedMotoServer
from PIL import Image
from pytest_django import Settings

from assetbank.assets import open_rendition, read_original
from assetbank.env import storage_from_url
from assetbank.errors import FileMissing, InvalidAsset
from assetbank.media import images
from assetbank.media.metadata import read_metadata
from assetbank.models import Asset
from generation.pipeline import retry_generation, run_generation, submit
from search.models import Embedding
from tests.assetbank.media.metadata.test_location import with_gps
from tests.conftest import Cast, picture_bytes
from tests.support.processes import end_other_sessions, free_port
from tests.support.trash import delete_asset, delete_waiting_files

MakeAsset = Callable[..., Asset]
KEYS = {"access_key": "test-key", "secret_key": "test/secret+key="}
BUCKET, PREFIX = "brand-assets", "library/files"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def storage_url(endpoint: str) -> str:
    options = {"region": "eu-west-1", "endpoint": endpoint, **KEYS}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"s3://{BUCKET}/{PREFIX}?{query}"


@pytest.fixture
def bucket(s3: str, media: Path, settings: Settings) -> Any:
    """An empty private bucket, set as the storage of the library."""
    client = boto3.resource(
        "s3",
        endpoint_url=s3,
        region_name="eu-west-1",
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
    )
    made = client.Bucket(BUCKET)
    made.create(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    settings.STORAGES = {**settings.STORAGES, "default": storage_from_url(storage_url(s3))}
    yield made
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def bucket_down(media: Path, settings: Settings) -> None:
    """Set a storage whose server is unavailable."""
    address = storage_url(f"http://127.0.0.1:{free_port()}")
    settings.STORAGES = {**settings.STORAGES, "default": storage_from_url(address)}


def keys(bucket: Any) -> list[str]:
    return sorted(found.key for found in bucket.objects.all())


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


# ------------------------------------------------------------------------ life cycle of files


def test_original_and_renditions_go_below_the_prefix_and_the_bytes_stay_the_same(
    bucket: Any, make_asset: MakeAsset
) -> None:
    data = picture_bytes(fmt="JPEG", comment=b"Content Credentials live here")
    asset = make_asset(file=data, filename="red hat.jpg")
    assert keys(bucket) == sorted(
        f"{PREFIX}/{path}" for path in (asset.path, *map(asset.rendition_path, images.RENDITIONS))
    )
    assert bucket.Object(f"{PREFIX}/{asset.path}").get()["Body"].read() == data
    assert read_original(asset) == data
    for name in images.RENDITIONS:
        with open_rendition(asset=asset, name=name) as file:
            fmt = "JPEG" if name == "encoder" else "WEBP"
            assert Image.open(io.BytesIO(file.read())).format == fmt


def test_nothing_in_the_bucket_is_public(bucket: Any, make_asset: MakeAsset) -> None:
    make_asset()
    for key in keys(bucket):
        grants = bucket.Object(key).Acl().grants
        assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]
        assert all(grant["Grantee"]["Type"] == "CanonicalUser" for grant in grants)
        assert (
            requests.get(f"{bucket.meta.client.meta.endpoint_url}/{BUCKET}/{key}").status_code
            == 403
        )


def test_a_removed_asset_leaves_nothing_in_the_bucket(bucket: Any, make_asset: MakeAsset) -> None:
    asset, other = make_asset(), make_asset()
    delete_asset(asset=asset)
    delete_waiting_files()
    assert len(keys(bucket)) == 1 + len(images.RENDITIONS)
    assert read_original(other)


def test_a_refused_picture_leaves_nothing_in_the_bucket(bucket: Any, make_asset: MakeAsset) -> None:
    with pytest.raises(InvalidAsset):
        make_asset(kind="poster")
    with pytest.raises(InvalidAsset):
        make_asset(tags=["x" * 99])
    assert keys(bucket) == []


def test_a_lost_rendition_is_drawn_again_in_its_place(bucket: Any, make_asset: MakeAsset) -> None:
    asset = make_asset()
    before = keys(bucket)
    default_storage.delete(asset.rendition_path("grid"))
    assert keys(bucket) != before
    with open_rendition(asset=asset, name="grid") as file:
        assert Image.open(io.BytesIO(file.read())).format == "WEBP"
    assert keys(bucket) == before


def test_a_lost_original_is_a_sentence(bucket: Any, make_asset: MakeAsset) -> None:
    asset = make_asset(title="Red hat")
    default_storage.delete(asset.path)
    default_storage.delete(asset.rendition_path("grid"))
    with pytest.raises(FileMissing, match="original file of “Red hat” is missing"):
        read_original(asset)
    with pytest.raises(FileMissing, match="original file of “Red hat” is missing"):
        open_rendition(asset=asset, name="grid")


def test_a_viewer_is_sent_to_a_copy_without_coordinates(
    cast: Cast, bucket: Any, make_asset: MakeAsset
) -> None:
    asset = make_asset(file=with_gps("JPEG"), filename="here.jpg")
    for user, kept in ((cast.viewer, False), (cast.creator, True)):
        response: Any = signed_in(user).get(asset.original_url)
        assert response.status_code == 302
        said = read_metadata(requests.get(response.url).content)
        assert (said.latitude is not None) is kept
        assert (
            "here.jpg" in parse_qs(urlsplit(response.url).query)["response-content-disposition"][0]
        )


def test_pictures_are_indexed_from_the_bucket(
    bucket: Any, make_asset: MakeAsset, index: Callable[[], int]
) -> None:
    asset = make_asset()
    assert index() == 1
    assert Embedding.objects.get(asset_id=asset.pk).state == "indexed"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_folder_is_imported_into_the_bucket(bucket: Any, cast: Cast, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.png").write_bytes(picture_bytes((number, 0, 0)))
    call_command("import_assets", str(tmp_path / "in"), brand="acme")
    end_other_sessions()
    assert Asset.objects.count() == 3
    assert len(keys(bucket)) == 3 * (1 + len(images.RENDITIONS))


# ------------------------------------------------------------------------ addresses


@pytest.mark.parametrize("person", ["viewer", "creator", "staff"])
def test_who_may_see_an_asset_is_sent_to_a_signed_address_that_ends_soon(
    bucket: Any, cast: Cast, make_asset: MakeAsset, person: str
) -> None:
    asset = make_asset()
    client = signed_in(getattr(cast, person))
    addresses = {
        reverse("asset-original", args=[asset.pk]): asset.path,
        **{
            reverse("asset-rendition", args=[asset.pk, name]): asset.rendition_path(name)
            for name in images.SHOWN
        },
    }
    for address, path in addresses.items():
        response = client.get(address)
        assert response.status_code == 302
        assert response["Cache-Control"] == "private, no-store"
        signed = urlsplit(response["Location"])
        assert signed.path == f"/{BUCKET}/{PREFIX}/{path}"
        query = parse_qs(signed.query)
        assert query.keys() & {"Signature", "X-Amz-Signature"}
        assert query.keys() & {"Expires", "X-Amz-Expires"}
        fetched = requests.get(response["Location"], timeout=10)
        assert fetched.status_code == 200
        saved_as = query.get("response-content-disposition", [""])[0]
        assert (asset.filename in saved_as) == (path == asset.path)
        with default_storage.open(path) as file:
            assert fetched.content == file.read()
        assert requests.get(signed._replace(query="").geturl(), timeout=10).status_code == 403


def test_who_may_not_see_an_asset_gets_no_address(
    bucket: Any, cast: Cast, make_asset: MakeAsset
) -> None:
    asset = make_asset()
    for address in (
        reverse("asset-original", args=[asset.pk]),
        reverse("asset-rendition", args=[asset.pk, "grid"]),
    ):
        assert signed_in(cast.outsider).get(address).status_code == 404
        response = Client().get(address)
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("sign-in"))


# ------------------------------------------------------------------------ unavailable storage


def test_an_upload_into_a_storage_that_is_down_says_so_and_leaves_no_row(
    bucket_down: None, cast: Cast, make_asset: MakeAsset
) -> None:
    with pytest.raises(FileMissing, match="The file storage rejects this file: "):
        make_asset()
    response = signed_in(cast.creator).post(
        reverse("upload"),
        {"brand": "acme", "file": SimpleUploadedFile("a.png", picture_bytes())},
        headers={"accept": "application/json"},
    )
    assert response.status_code == 503
    assert "The file storage rejects this file" in response.json()["detail"]
    assert Asset.objects.count() == Embedding.objects.count() == 0


def test_files_of_a_storage_that_is_down_are_a_sentence(
    cast: Cast, make_asset: MakeAsset, settings: Settings
) -> None:
    asset = make_asset()
    address = storage_url(f"http://127.0.0.1:{free_port()}")
    settings.STORAGES = {**settings.STORAGES, "default": storage_from_url(address)}
    with pytest.raises(FileMissing, match="The file storage is not responding: "):
        read_original(asset)
    with pytest.raises(FileMissing, match="The file storage is not responding: "):
        open_rendition(asset=asset, name="grid")
    response = signed_in(cast.viewer).get(reverse("asset-rendition", args=[asset.pk, "grid"]))
    assert response.status_code == 503
    assert "is not responding" in response.content.decode()


def test_a_generated_picture_waits_for_a_storage_that_is_down_and_is_not_drawn_again(
    bucket: Any, cast: Cast, settings: Settings
) -> None:
    generation = submit(
        person=cast.creator, brand=cast.acme, prompt="A hat", model="sketch", aspect_ratio="1:1"
    )
    up = settings.STORAGES
    down = storage_from_url(storage_url(f"http://127.0.0.1:{free_port()}"))
    settings.STORAGES = {**up, "default": down}
    run_generation(generation_id=generation.pk)
    generation.refresh_from_db()
    assert (generation.state, generation.reason_code) == ("failed", "file_missing")
    assert "The file storage rejects this file" in generation.reason
    drawn = generation.outputs.get().data
    settings.STORAGES = up
    retry_generation(person=cast.creator, generation=generation)
    run_generation(generation_id=generation.pk)
    generation.refresh_from_db()
    assert generation.state == "succeeded"
    made = generation.outputs.get().asset
    assert made
    assert read_original(made) == bytes(drawn or b"")
