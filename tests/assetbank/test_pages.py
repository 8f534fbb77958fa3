"""The library's own pages: signing in, one asset, its files, uploads, collections."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.authtoken.models import Token

from assetbank import intake
from assetbank.demo_world import DOMAIN
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


class TestSigningIn:
    def test_every_page_sends_strangers_to_the_sign_in(self, client: Client, db: None) -> None:
        for path in ("/", "/studio/", "/generations/", "/collections/", "/upload/", "/assets/1/"):
            response = client.get(path)
            assert response.status_code == 302
            assert response.headers["Location"] == f"/sign-in/?next={path}"

    def test_signing_in_leads_to_where_one_wanted_to_go(self, client: Client, cast: Cast) -> None:
        data = {"username": "creator", "password": "secret", "next": "/collections/"}
        assert client.post("/sign-in/", data).headers["Location"] == "/collections/"

    def test_a_wrong_password_says_so(self, client: Client, cast: Cast) -> None:
        response = client.post("/sign-in/", {"username": "creator", "password": "no"})
        assert "do not match" in response.content.decode()

    def test_the_demo_sign_ins_show_only_where_they_were_made(
        self, client: Client, db: None
    ) -> None:
        assert "assetbank-demo" not in client.get("/sign-in/").content.decode()
        User.objects.create_user("creative", email=f"creative@{DOMAIN}")
        page = client.get("/sign-in/").content.decode()
        assert 'value="creative"' in page
        assert 'value="staff"' not in page

    def test_production_never_shows_the_demo_sign_ins(
        self, client: Client, db: None, settings: Settings
    ) -> None:
        User.objects.create_user("creative", email=f"creative@{DOMAIN}")
        settings.EMBEDDED = False
        assert "assetbank-demo" not in client.get("/sign-in/").content.decode()

    def test_a_fragment_asked_for_without_a_session_moves_the_whole_page(
        self, client: Client, db: None
    ) -> None:
        headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/assets/7/"}
        response = client.get("/tray/", headers=headers, follow=True)
        assert response.headers["HX-Redirect"] == "/sign-in/?next=%2Fassets%2F7%2F"

    def test_signing_out_takes_a_post(self, cast: Cast) -> None:
        client = signed_in(cast.viewer)
        assert client.get("/sign-out/").status_code == 405
        assert client.post("/sign-out/").headers["Location"] == "/sign-in/"
        assert client.get("/").status_code == 302


class TestAssetPage:
    def test_it_tells_what_the_asset_is(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset(title="Red <cape>", tags=["silk"], licence="Worldwide")
        page = signed_in(cast.viewer).get(asset.get_absolute_url()).content.decode()
        for words in (
            "Red &lt;cape&gt;",
            "silk",
            "Worldwide",
            "80 \u00d7 60 px",
            asset.checksum[:12],
        ):
            assert words in page

    def test_the_same_queries_whatever_there_is(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        asset = make_asset(tags=["a", "b", "c", "d"])
        for number in range(6):
            collection = Collection.objects.create(brand=cast.acme, name=f"C{number}")
            if number % 2:
                intake.add_to_collection(collection=collection, assets=[asset])
        client = signed_in(cast.creator)
        with django_assert_max_num_queries(12):
            client.get(asset.get_absolute_url())

    def test_what_one_may_not_see_does_not_exist(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        client = signed_in(cast.outsider)
        for end in ("", "edit/", "delete/", "original/", "renditions/grid/", "similar/", "card/"):
            address = f"/assets/{asset.pk}/{end}"
            assert client.get(address).status_code in (404, 405), end
            assert client.post(address).status_code in (404, 405), end

    def test_viewers_see_nothing_to_change_with(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        client = signed_in(cast.viewer)
        page = client.get(asset.get_absolute_url()).content.decode()
        for words in ("Edit details", "Use in studio", "/upload/", "/studio/", "Delete"):
            assert words not in page
        assert client.post(f"/assets/{asset.pk}/edit/", {"title": "Mine"}).status_code == 403
        assert client.post(f"/assets/{asset.pk}/delete/").status_code == 403

    def test_expired_and_expiring_rights_are_told(self, cast: Cast, make_asset: MakeAsset) -> None:
        today, client = timezone.localdate(), signed_in(cast.viewer)
        gone = make_asset(expires_on=today - datetime.timedelta(days=1))
        soon = make_asset(expires_on=today + datetime.timedelta(days=5))
        later = make_asset(expires_on=today + datetime.timedelta(days=200))
        assert "may not be used any more" in client.get(gone.get_absolute_url()).content.decode()
        assert "in 5 days" in client.get(soon.get_absolute_url()).content.decode()
        assert "in 200 days" not in client.get(later.get_absolute_url()).content.decode()


class TestEditing:
    FIELDS = {"title": "New", "kind": "logo", "tags": "a, b,,a", "expires_on": "2031-01-31"}

    def test_creators_change_what_is_said(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        data = {**self.FIELDS, "status": "approved"}
        response = signed_in(cast.creator).post(f"/assets/{asset.pk}/edit/", data)
        assert response.status_code == 302
        asset.refresh_from_db()
        assert (asset.title, asset.kind, asset.expires_on) == (
            "New",
            "logo",
            datetime.date(2031, 1, 31),
        )
        assert sorted(asset.tags.names()) == ["a", "b"]
        assert asset.status == "draft", "only managers approve"

    def test_managers_also_approve(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        data = {**self.FIELDS, "status": "approved"}
        signed_in(cast.manager).post(f"/assets/{asset.pk}/edit/", data)
        asset.refresh_from_db()
        assert asset.status == "approved"

    @pytest.mark.parametrize(
        "wrong", [{"title": ""}, {"kind": "x"}, {"expires_on": "soon"}, {"tags": "t" * 51}]
    )
    def test_a_wrong_value_changes_nothing_and_says_why(
        self, cast: Cast, make_asset: MakeAsset, wrong: dict[str, str]
    ) -> None:
        asset = make_asset(title="Old")
        response = signed_in(cast.creator).post(
            f"/assets/{asset.pk}/edit/", {**self.FIELDS, **wrong}
        )
        assert response.status_code == 400
        assert 'class="wrong"' in response.content.decode()
        asset.refresh_from_db()
        assert asset.title == "Old"

    def test_deleting_asks_first(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset(title="Old cape")
        client = signed_in(cast.manager)
        assert "Delete “Old cape”?" in client.get(f"/assets/{asset.pk}/delete/").content.decode()
        assert Asset.objects.filter(pk=asset.pk).exists()
        assert client.post(f"/assets/{asset.pk}/delete/").headers["Location"] == "/"
        assert not Asset.objects.filter(pk=asset.pk).exists()


class SigningStorage(FileSystemStorage):
    """A storage like S3: other code does not know it as a folder, and its addresses are signed."""

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
        assert "gone from the storage" in response.content.decode()

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

    @pytest.mark.parametrize("data", [b"", b"<svg/>", picture_bytes()[:50]])
    def test_a_bad_file_is_refused_with_a_sentence(self, cast: Cast, data: bytes) -> None:
        response = self.post(cast.creator, file=a_file("bad.png", data))
        assert response.status_code == 400
        assert response.json()["code"] == "picture_refused"
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
        assert "2 new pictures." in page
        assert "bad.png: This is not a picture" in page
        assert Asset.objects.count() == 2


class TestCollections:
    def test_the_list_takes_the_same_queries_however_long(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for number in range(5):
            collection = Collection.objects.create(brand=cast.acme, name=f"C{number}")
            assets = [make_asset() for _ in range(number)]
            intake.add_to_collection(collection=collection, assets=assets)
        client = signed_in(cast.creator)
        with django_assert_max_num_queries(9):
            page = client.get("/collections/").content.decode()
        assert "4 pictures" in page

    def test_one_is_made_and_shown(self, cast: Cast) -> None:
        data = {"brand": cast.acme.pk, "name": "Launch"}
        client = signed_in(cast.creator)
        made = client.post("/collections/", data)
        collection = Collection.objects.get()
        assert made.headers["Location"] == f"/?collection={collection.pk}"
        assert "This collection is empty" in client.get(made.headers["Location"]).content.decode()
        again = client.post("/collections/", data)
        assert again.status_code == 400
        assert "already" in again.content.decode()

    def test_viewers_and_strangers_make_none(self, cast: Cast) -> None:
        data = {"brand": cast.acme.pk, "name": "Mine"}
        assert signed_in(cast.viewer).post("/collections/", data).status_code == 403
        assert signed_in(cast.outsider).post("/collections/", data).status_code == 400
        assert not Collection.objects.exists()

    def test_assets_come_move_and_go(self, cast: Cast, make_asset: MakeAsset) -> None:
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        first, second, third = (make_asset() for _ in range(3))
        client, base = signed_in(cast.creator), f"/collections/{collection.pk}"
        data = {"collection": collection.pk, "asset": [first.pk, second.pk, third.pk]}
        client.post("/collections/add/", data)

        def order() -> list[int]:
            return list(collection.items.values_list("asset_id", flat=True))

        assert order() == [first.pk, second.pk, third.pk]
        client.post(f"{base}/move/", {"earlier": third.pk})
        client.post(f"{base}/move/", {"earlier": first.pk})
        assert order() == [first.pk, third.pk, second.pk]
        client.post(f"{base}/remove/", {"asset": third.pk})
        assert order() == [first.pk, second.pk]
        client.post(f"{base}/delete/")
        assert Asset.objects.count() == 3
        assert not Collection.objects.exists()

    def test_only_the_brands_own_assets_and_only_by_creators(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        own, foreign = make_asset(), make_asset(brand=cast.other, by=cast.outsider)
        data = {"collection": collection.pk, "asset": foreign.pk}
        assert signed_in(cast.staff).post("/collections/add/", data).status_code == 404
        data["asset"] = own.pk
        assert signed_in(cast.viewer).post("/collections/add/", data).status_code == 403
        assert signed_in(cast.outsider).post("/collections/add/", data).status_code == 404
        assert not collection.items.exists()

    def test_it_leads_back_only_to_pages_of_ours(self, cast: Cast, make_asset: MakeAsset) -> None:
        collection, asset = Collection.objects.create(brand=cast.acme, name="L"), make_asset()
        client, data = signed_in(cast.creator), {"collection": collection.pk, "asset": asset.pk}
        here = client.post("/collections/add/", {**data, "next": asset.get_absolute_url()})
        assert here.headers["Location"] == asset.get_absolute_url()
        away = client.post("/collections/add/", {**data, "next": "https://evil.example/"})
        assert away.headers["Location"] == f"/?collection={collection.pk}"
