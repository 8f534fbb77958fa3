"""Pages of the library: sign-in, one asset, collections."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from assetbank.assets import collections
from assetbank.demo.library import DOMAIN
from assetbank.models import Asset, Collection
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


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
        assert "Incorrect user name or password" in response.content.decode()

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

    def test_it_shows_what_the_file_says_of_itself(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset(
            title="Untitled",
            filename="IMG_1234.png",
            alt_text="A <cape>",
            creator="Ana",
            country="Norway",
            licensor_url="https://example.com/",
            rating=-1,
            captured_at=datetime.datetime(2019, 3, 14, 10, 11),
        )
        page = signed_in(cast.viewer).get(asset.get_absolute_url()).content.decode()
        assert '<h1>Untitled <span class="file-name">IMG_1234.png</span></h1>' in page
        assert 'alt="A &lt;cape&gt;"' in page
        assert '<a href="https://example.com/" rel="nofollow noopener noreferrer">' in page
        assert '<time datetime="2019-03-14T10:11:00Z">14 March 2019, 10:11</time>' in page
        for words in ("time zone unknown", "?creator=Ana", "?place=Norway", "<dd>Rejected</dd>"):
            assert words in page
        card = signed_in(cast.viewer).get("/").content.decode()
        assert 'alt="A &lt;cape&gt;"' in card
        assert 'Untitled <span class="file-name">IMG_1234.png</span>' in card

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
                collections.add_assets(collection=collection, assets=[asset])
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
        for words in ("Edit metadata", "Use in studio", "/upload/", "/studio/", "Delete"):
            assert words not in page
        assert client.post(f"/assets/{asset.pk}/edit/", {"title": "Mine"}).status_code == 403
        assert client.post(f"/assets/{asset.pk}/delete/").status_code == 403

    def test_expired_and_expiring_rights_are_told(self, cast: Cast, make_asset: MakeAsset) -> None:
        today, client = timezone.localdate(), signed_in(cast.viewer)
        gone = make_asset(expires_on=today - datetime.timedelta(days=1))
        soon = make_asset(expires_on=today + datetime.timedelta(days=5))
        later = make_asset(expires_on=today + datetime.timedelta(days=200))
        assert "may no longer be used" in client.get(gone.get_absolute_url()).content.decode()
        assert "in 5 days" in client.get(soon.get_absolute_url()).content.decode()
        assert "in 200 days" not in client.get(later.get_absolute_url()).content.decode()


class TestEditing:
    FIELDS = {"title": "New", "kind": "logo", "tags": "a, b,,a", "expires_on": "2031-01-31"}

    def test_creators_change_what_is_said(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset(status="draft")
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
        asset = make_asset(status="draft")
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
        assert (
            "Move “Old cape” to the trash?"
            in client.get(f"/assets/{asset.pk}/delete/").content.decode()
        )
        assert Asset.objects.filter(pk=asset.pk).exists()
        assert client.post(f"/assets/{asset.pk}/delete/").headers["Location"] == "/"
        assert not Asset.objects.filter(pk=asset.pk).exists()


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
            collections.add_assets(collection=collection, assets=assets)
        client = signed_in(cast.creator)
        with django_assert_max_num_queries(9):
            page = client.get("/collections/").content.decode()
        assert "4 assets" in page

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
