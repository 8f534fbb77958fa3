"""Hostile requests, and requests while a service is unavailable: always an error response."""

from __future__ import annotations

import io
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from assetbank import health
from assetbank.assets import update_asset
from assetbank.errors import FileMissing, InvalidAsset
from assetbank.models import Asset, Collection
from tests.conftest import Cast
from tests.support.api import client_of
from tests.support.processes import wait_until
from tests.support.trash import delete_asset, delete_waiting_files

MakeAsset = Callable[..., Asset]
JSON = {"Accept": "application/json"}


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


class TestLength:
    """Bodies that are too long are refused unread; `Unread` raises if it is read."""

    class Unread(io.BytesIO):
        def read(self, *args: Any) -> bytes:
            raise AssertionError("the body was read")

        readline = read

    def post(self, client: Client, address: str, **environ: Any) -> Any:
        given = {
            "CONTENT_TYPE": "multipart/form-data; boundary=x",
            "wsgi.input": self.Unread(),
            **environ,
        }
        return client.generic("POST", address, **given)

    @pytest.mark.parametrize(
        "address", ["/upload/", "/picture-search/", "/sign-in/", "/admin/assetbank/asset/add/"]
    )
    def test_two_gigabytes_are_refused_unread(self, cast: Cast, address: str) -> None:
        for client in (signed_in(cast.staff), Client(enforce_csrf_checks=True)):
            response = self.post(client, address, CONTENT_LENGTH=str(2**31))
            assert response.status_code == 413
            assert "MB" in response.content.decode()

    @pytest.mark.parametrize("address", ["/api/v1/assets/", "/api/v1/search/"])
    def test_programs_get_json(self, cast: Cast, address: str) -> None:
        response = self.post(client_of(cast, "creator"), address, CONTENT_LENGTH=str(2**31))
        assert response.status_code == 413
        assert response.json()["code"] == "too_large"

    def test_the_upload_script_gets_json(self, cast: Cast) -> None:
        client = signed_in(cast.creator)
        response = self.post(
            client, "/upload/", CONTENT_LENGTH=str(2**31), HTTP_ACCEPT=JSON["Accept"]
        )
        assert response.json()["code"] == "too_large"

    def test_an_unknown_length_is_asked_for(self, cast: Cast) -> None:
        client = client_of(cast, "creator")
        chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
        response = self.post(client, "/api/v1/assets/", **chunked)
        assert response.status_code == 411
        assert response.json()["code"] == "length_required"


class TestText:
    @pytest.mark.parametrize("raw", ['{"kind": "\\ud800"}', '{"tags": ["\\udfff"]}', '["\\ud800"]'])
    def test_half_a_surrogate_pair_in_json(
        self, cast: Cast, make_asset: MakeAsset, raw: str
    ) -> None:
        address = f"/api/v1/assets/{make_asset().pk}/"
        response = client_of(cast, "creator").patch(address, raw, content_type="application/json")
        assert response.status_code == 400
        assert response.json()["code"] == "parse_error"

    def test_a_charset_that_decodes_to_half_a_pair(self, cast: Cast) -> None:
        client = signed_in(cast.creator)
        headers = {"Content-Type": "text/plain; charset=unicode_escape"}
        assert client.get("/?tags=%5Cud800", headers=headers).status_code == 200

    @pytest.mark.parametrize("position", ["abc", "%00", "%ED%A0%80"])
    @pytest.mark.parametrize("things", ["generations", "collections", "brands"])
    def test_a_cursor_that_somebody_wrote(self, cast: Cast, things: str, position: str) -> None:
        cursor = b64encode(f"p={position}".encode()).decode()
        response = client_of(cast, "creator").get(f"/api/v1/{things}/", {"cursor": cursor})
        assert response.status_code in (200, 400)

    def test_a_description_has_an_end(self, cast: Cast, make_asset: MakeAsset) -> None:
        with pytest.raises(InvalidAsset, match="10,000"):
            update_asset(asset=make_asset(), description="x" * 10_001)

    def test_too_many_fields_are_a_page(self, cast: Cast) -> None:
        response = signed_in(cast.creator).post("/collections/", {f"f{n}": 1 for n in range(1_100)})
        assert response.status_code == 400
        assert "Bad request" in response.content.decode()


class TestNames:
    @pytest.mark.parametrize(
        ("came_as", "leaves_as"),
        [
            ("cape.png", "cape.png"),
            ("CAPE.PNG", "CAPE.PNG"),
            ("cape.html", "cape.html.png"),
            ("cape.exe", "cape.exe.png"),
            ("really-a-png.jpeg", "really-a-png.jpeg.png"),
            ("generation-1-1.1", "generation-1-1.1.png"),
        ],
    )
    def test_a_download_ends_as_what_it_is(
        self, cast: Cast, make_asset: MakeAsset, came_as: str, leaves_as: str
    ) -> None:
        response = signed_in(cast.viewer).get(make_asset(filename=came_as).original_url)
        assert response.headers["Content-Disposition"] == f'attachment; filename="{leaves_as}"'


class TestTags:
    def test_the_spelling_of_another_brand_is_not_told(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        make_asset(brand=cast.other, tags=["Falcon Launch"])
        asset = make_asset(tags=["falcon launch", "Falcon launch", "FALCON LAUNCH"])
        assert asset.tag_names == ["falcon launch"]
        page = signed_in(cast.viewer).get("/?tags=FALCON LAUNCH").content.decode()
        assert page.count('class="card"') == 1


class TestDown:
    @pytest.fixture
    def no_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise OperationalError("connection refused")

        monkeypatch.setattr(BaseDatabaseWrapper, "cursor", refuse)

    @pytest.mark.parametrize("address", ["/", "/sign-in/", "/assets/1/original/", "/admin/"])
    def test_without_a_database_pages_say_so(self, no_database: None, address: str) -> None:
        client = Client(raise_request_exception=False)
        client.cookies["sessionid"] = "somebody"
        response = client.get(address)
        assert response.status_code == 503
        assert "The database is not responding" in response.content.decode()

    def test_without_a_database_programs_are_told(self, no_database: None) -> None:
        client = Client(raise_request_exception=False)
        response = client.get("/api/v1/brands/", headers={"Authorization": "Token x"})
        assert response.status_code == 503
        assert response.json()["code"] == "database_unavailable"

    def test_a_storage_that_hangs_does_not_hold_up_the_health_page(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        over = threading.Event()
        monkeypatch.setattr(FileSystemStorage, "exists", lambda self, name: over.wait(60))
        monkeypatch.setattr(health, "STORAGE_SECONDS", 0.1)
        asked = threading.Thread(target=lambda: health._checked(health.files))
        asked.start()
        asked.join(timeout=5)
        alive = asked.is_alive()
        over.set()
        assert not alive

    def test_a_rendition_that_cannot_be_kept_is_503(
        self, cast: Cast, make_asset: MakeAsset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asset = make_asset()
        default_storage.delete(asset.rendition_path("grid"))

        def full(*args: Any, **kwargs: Any) -> str:
            raise OSError("No space left on device")

        monkeypatch.setattr(FileSystemStorage, "save", full)
        response = signed_in(cast.viewer).get(asset.grid_url)
        assert response.status_code == 503

    def test_one_file_that_stays_does_not_keep_the_others(
        self,
        make_asset: MakeAsset,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        asset = make_asset()
        original, grid = asset.path, asset.rendition_path("grid")
        delete = FileSystemStorage.delete

        def stubborn(self: FileSystemStorage, name: str) -> None:
            if name == original:
                raise ConnectionError("reset by peer")
            delete(self, name)

        monkeypatch.setattr(FileSystemStorage, "delete", stubborn)
        delete_asset(asset=asset)
        with pytest.raises(FileMissing, match="reset by peer"):  # its job is retried
            delete_waiting_files()
        assert not default_storage.exists(grid)


def _waiting_for_a_lock() -> int:
    with connection.cursor() as cursor:
        # within a transaction PostgreSQL repeats the statistics of the first query
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


class TestAtTheSameMoment:
    def test_an_edit_leaves_alone_what_somebody_else_changed(self, make_asset: MakeAsset) -> None:
        asset = make_asset()
        read_before = Asset.objects.get(pk=asset.pk)
        update_asset(asset=asset, status="approved", licence="Worldwide", deciding=True)
        update_asset(asset=read_before, title="New title")
        asset.refresh_from_db()
        assert (asset.title, asset.status, asset.licence) == ("New title", "approved", "Worldwide")

    @pytest.mark.django_db(transaction=True)
    def test_who_came_second_is_told(self, cast: Cast, make_asset: MakeAsset) -> None:
        """Delete a collection while two requests add an asset to it."""
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        asset = make_asset()
        creator = client_of(cast, "creator")
        page = signed_in(cast.creator)

        def from_page() -> Any:
            return page.post("/collections/add/", {"collection": collection.pk, "asset": asset.pk})

        def from_program() -> Any:
            return creator.post(
                f"/api/v1/collections/{collection.pk}/assets/",
                {"assets": [asset.pk]},
                format="json",
            )

        def closing(ask: Callable[[], Any]) -> Any:
            try:
                return ask()
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            with transaction.atomic():
                Collection.objects.filter(pk=collection.pk).delete()
                answers = [pool.submit(closing, ask) for ask in (from_page, from_program)]
                wait_until(lambda: _waiting_for_a_lock() == 2, "both wait for the deletion")
            shown, told = (answer.result(timeout=20) for answer in answers)
        assert shown.status_code == 409
        assert told.status_code == 409
        assert told.json()["code"] == "conflict"
