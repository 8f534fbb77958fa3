"""Files: originals, renditions, uploads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings
from rest_framework.authtoken.models import Token

from assetbank.assets import collections
from assetbank.models import Asset, Collection
from tests.conftest import Cast, picture_bytes

MakeAsset = Callable[..., Asset]
JSON = {"Accept": "application/json"}


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def a_file(name: str = "cape.png", data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture_bytes() if data is None else data, "image/png")


class SigningStorage(FileSystemStorage):
    """A storage like S3: not an instance of FileSystemStorage, and with signed addresses."""

    __class__ = object  # type: ignore[assignment]

    def url(self, name: str | None) -> str:
        return f"https://bucket.example/{name}?signature=1"


class TestFiles:
    def test_the_original_comes_back_byte_for_byte(self, cast: Cast, make_asset: MakeAsset) -> None:
        data = picture_bytes("blue", fmt="JPEG")
        asset = make_asset(file=data, filename='Blue "été".jpg')
        response = signed_in(cast.viewer).get(asset.original_url)
        assert response.getvalue() == data
        headers = response.headers
        assert headers["Content-Type"] == "image/jpeg"
        assert headers["Content-Disposition"].startswith("attachment; filename")
        assert "%C3%A9t%C3%A9" in headers["Content-Disposition"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"

    def test_a_rendition_is_kept_by_browsers(self, cast: Cast, make_asset: MakeAsset) -> None:
        client, asset = signed_in(cast.viewer), make_asset()
        response = client.get(asset.grid_url)
        assert response.getvalue().startswith(b"RIFF")
        assert response.headers["Content-Type"] == "image/webp"
        assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        again = client.get(asset.grid_url, headers={"If-None-Match": response.headers["ETag"]})
        assert again.status_code == 304
        assert not again.content

    def test_a_lost_rendition_is_drawn_again(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        default_storage.delete(asset.rendition_path("grid"))
        assert signed_in(cast.viewer).get(asset.grid_url).status_code == 200
        assert default_storage.exists(asset.rendition_path("grid"))

    def test_no_such_rendition(self, cast: Cast, make_asset: MakeAsset) -> None:
        address = f"/assets/{make_asset().pk}/renditions/poster/"
        assert signed_in(cast.viewer).get(address).status_code == 404

    def test_a_lost_original_says_so(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        default_storage.delete(asset.path)
        response = signed_in(cast.viewer).get(asset.original_url)
        assert response.status_code == 503
        assert "missing from the storage" in response.content.decode()

    def test_programs_come_with_a_token(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset, client = make_asset(), Client()
        token = Token.objects.create(user=cast.viewer)
        headers = {"Authorization": f"Token {token.key}"}
        assert client.get(asset.original_url, headers=headers).status_code == 200
        assert client.get(asset.grid_url, headers=headers).status_code == 200
        other = Token.objects.create(user=cast.outsider)
        headers = {"Authorization": f"Token {other.key}"}
        assert client.get(asset.grid_url, headers=headers).status_code == 404

    def test_a_wrong_token_is_401_and_none_is_the_sign_in(self, make_asset: MakeAsset) -> None:
        asset, client = make_asset(), Client()
        response = client.get(asset.grid_url, headers={"Authorization": "Token nonsense"})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Token"
        assert client.get(asset.grid_url).status_code == 302

    def test_a_bucket_is_asked_with_a_signed_address(
        self, cast: Cast, make_asset: MakeAsset, settings: Settings, media: Path
    ) -> None:
        asset = make_asset()
        settings.STORAGES = {
            **settings.STORAGES,
            "default": {
                "BACKEND": f"{__name__}.SigningStorage",
                "OPTIONS": {"location": str(media)},
            },
        }
        client = signed_in(cast.viewer)
        default_storage.delete(asset.rendition_path("grid"))
        for address, path in (
            (asset.original_url, asset.path),
            (asset.grid_url, asset.rendition_path("grid")),
        ):
            response = client.get(address)
            assert response.status_code == 302
            assert response.headers["Location"] == f"https://bucket.example/{path}?signature=1"
            assert response.headers["Cache-Control"] == "private, no-store"
        assert default_storage.exists(asset.rendition_path("grid")), "drawn again first"


class TestUploading:
    def post(self, person: User, **data: Any) -> Any:
        return signed_in(person).post("/upload/", data, headers=JSON)

    def test_a_new_picture_is_stored(self, cast: Cast) -> None:
        response = self.post(cast.creator, file=a_file("red_cape.png"))
        assert response.status_code == 201
        asset = Asset.objects.get()
        assert response.json() == {
            "outcome": "stored",
            "title": "red cape",
            "url": f"/assets/{asset.pk}/",
            "card": f"/assets/{asset.pk}/card/",
        }
        assert (asset.brand, asset.created_by, asset.origin) == (cast.acme, cast.creator, "upload")

    def test_the_same_bytes_lead_to_what_is_there(self, cast: Cast, make_asset: MakeAsset) -> None:
        there = make_asset(file=picture_bytes())
        response = self.post(cast.creator, file=a_file("copy.png"))
        assert response.status_code == 200
        assert response.json()["outcome"] == "duplicate"
        assert response.json()["url"] == there.get_absolute_url()
        assert "added" not in response.json()

    def test_the_same_bytes_join_the_collection_and_the_page_says_so(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        there = make_asset(file=picture_bytes())
        spring = collections.create_collection(brand=cast.acme, name="Spring", by=None)
        told = self.post(cast.creator, file=a_file(), brand="acme", collection=spring.pk).json()
        assert (told["outcome"], told["added"]) == ("duplicate", "Added to the collection “Spring”")
        assert list(spring.assets.all()) == [there]
        client = signed_in(cast.creator)
        fields = {"file": a_file(), "brand": "acme", "collection": spring.pk}
        spring.items.all().delete()
        page = client.post("/upload/", fields, follow=True)
        assert "now in the collection" in page.content.decode()

    @pytest.mark.parametrize(
        ("data", "status", "code"),
        [
            (b"", 400, "picture_refused"),
            (b"<svg/>", 415, "picture_unsupported"),
            (picture_bytes()[:50], 400, "picture_damaged"),
        ],
        ids=["empty", "no picture", "cut"],
    )
    def test_a_bad_file_is_refused_with_a_sentence(
        self, cast: Cast, data: bytes, status: int, code: str
    ) -> None:
        response = self.post(cast.creator, file=a_file("bad.png", data))
        assert response.status_code == status
        assert response.json()["code"] == code
        assert response.json()["detail"].endswith(".")
        assert not Asset.objects.exists()

    def test_a_file_that_is_too_large_is_413(self, cast: Cast, settings: Settings) -> None:
        settings.MAX_UPLOAD_BYTES = 100
        response = self.post(cast.creator, file=a_file())
        assert response.status_code == 413
        assert response.json()["code"] == "picture_too_large"

    def test_no_file_is_said_to_be_missing(self, cast: Cast) -> None:
        response = self.post(cast.creator)
        assert response.status_code == 400
        assert "file" in response.json()["errors"]

    def test_viewers_may_not(self, cast: Cast) -> None:
        response = self.post(cast.viewer, file=a_file())
        assert response.status_code == 403
        assert response.json()["code"] == "not_allowed"
        assert signed_in(cast.viewer).get("/upload/").status_code == 403

    def test_who_may_fill_several_brands_says_which(self, cast: Cast) -> None:
        assert self.post(cast.staff, file=a_file()).status_code == 400
        response = self.post(cast.staff, file=a_file(), brand="other")
        assert response.status_code == 201
        assert Asset.objects.get().brand == cast.other

    def test_a_brand_that_one_may_not_fill(self, cast: Cast) -> None:
        cast.other.memberships.create(user=cast.creator, role="viewer")
        assert self.post(cast.creator, file=a_file(), brand="other").status_code == 403
        assert self.post(cast.outsider, file=a_file(), brand="acme").status_code == 400

    def test_into_a_collection(self, cast: Cast) -> None:
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        self.post(cast.creator, file=a_file(), collection=collection.pk)
        assert collection.assets.get() == Asset.objects.get()

    def test_without_a_script_several_at_once_and_one_bad_one(self, cast: Cast) -> None:
        files = [a_file(), a_file("bad.png", b"no"), a_file("blue.png", picture_bytes("blue"))]
        response = signed_in(cast.creator).post("/upload/", {"file": files}, follow=True)
        page = response.content.decode()
        assert "2 assets added." in page
        assert "bad.png: This file is not a supported image" in page
        assert Asset.objects.count() == 2
