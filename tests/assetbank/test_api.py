from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from assetbank import health, hooks
from assetbank.assets import collections
from assetbank.models import Asset, Collection
from tests.conftest import Cast, picture_bytes
from tests.support.api import Row, client_of, statuses, upload

MakeAsset = Callable[..., Asset]
FIELDS = {
    *("id", "title", "description", "brand", "tags", "kind", "origin", "status", "width"),
    *("height", "bytes", "mime", "filename", "checksum", "version", "licence", "credit"),
    *("expires_on",),
    *("derivatives_allowed", "territories", "consent", "consent_until", "rights_problem"),
    *("display_title", "headline", "alt_text", "extended_description", "rating", "captured_at"),
    *("city", "country", "place", "latitude", "longitude", "creator", "copyright"),
    *("usage_terms", "licensor_url", "terms_to_check", "fields"),
    *("digital_source_type", "matches", "matched_by", "highlights"),
    *("score", "index_state", "index_error", "file", "thumbnail", "preview", "generation"),
    *("engine_model", "prompt", "created_by", "created_at", "updated_at"),
}

# ------------------------------------------------------------------------ permissions

V1 = "/api/v1"
MATRIX = [
    Row("get", f"{V1}/assets/", (401, 200, 200, 200, 200, 200)),
    Row("get", f"{V1}/assets/{{asset}}/", (401, 404, 200, 200, 200, 200)),
    Row(
        "post",
        f"{V1}/assets/",
        (401, 400, 403, 201, 201, 201),
        {"file": upload, "brand": "acme"},
        multipart=True,
    ),
    Row("patch", f"{V1}/assets/{{asset}}/", (401, 404, 403, 200, 200, 200), {"title": "New"}),
    Row(
        "patch",
        f"{V1}/assets/{{asset}}/",
        (401, 404, 403, 403, 200, 200),
        {"status": "archived"},
    ),
    Row("delete", f"{V1}/assets/{{asset}}/", (401, 404, 403, 403, 204, 204)),
    Row("put", f"{V1}/assets/{{asset}}/", (401, 405, 405, 405, 405, 405), {"title": "New"}),
    Row("post", f"{V1}/assets/{{asset}}/index/", (401, 404, 403, 202, 202, 202)),
    Row("get", f"{V1}/brands/", (401, 200, 200, 200, 200, 200)),
    Row("get", f"{V1}/brands/acme/", (401, 404, 200, 200, 200, 200)),
    Row("post", f"{V1}/brands/", (401, 405, 405, 405, 405, 405), {"name": "New"}),
    Row("get", f"{V1}/collections/", (401, 200, 200, 200, 200, 200)),
    Row(
        "post",
        f"{V1}/collections/",
        (401, 400, 403, 201, 201, 201),
        {"name": "Summer", "brand": "acme"},
    ),
    Row("get", f"{V1}/collections/{{collection}}/", (401, 404, 200, 200, 200, 200)),
    Row(
        "patch",
        f"{V1}/collections/{{collection}}/",
        (401, 404, 403, 200, 200, 200),
        {"name": "Winter"},
    ),
    Row("delete", f"{V1}/collections/{{collection}}/", (401, 404, 403, 204, 204, 204)),
    Row(
        "post",
        f"{V1}/collections/{{collection}}/assets/",
        (401, 404, 403, 200, 200, 200),
        {"assets": "{listed}"},
    ),
    Row(
        "delete",
        f"{V1}/collections/{{collection}}/assets/{{asset}}/",
        (401, 404, 403, 204, 204, 204),
    ),
    Row("get", f"{V1}/nothing/", (404, 404, 404, 404, 404, 404)),
    Row("post", f"{V1}/assets", (404, 404, 404, 404, 404, 404)),
]


@pytest.fixture
def collection(cast: Cast, make_asset: MakeAsset) -> Collection:
    collection = collections.create_collection(brand=cast.acme, name="Spring", by=cast.creator)
    collections.add_assets(collection=collection, assets=[make_asset()])
    return collection


@pytest.mark.parametrize("row", MATRIX, ids=str)
def test_who_may_do_what(row: Row, cast: Cast, collection: Collection) -> None:
    asset = collection.assets.get()
    ids: dict[str, Any] = {"asset": asset.pk, "collection": collection.pk, "listed": [asset.pk]}
    assert statuses(cast, row, **ids) == row.statuses


def test_what_a_person_sees_in_lists(cast: Cast, collection: Collection) -> None:
    for address in ("assets", "brands", "collections"):
        seen = {
            name: len(client_of(cast, name).get(f"{V1}/{address}/").json()["results"])
            for name in ("outsider", "viewer", "staff")
        }
        own = 1 if address == "brands" else 0
        assert seen == {"outsider": own, "viewer": 1, "staff": 1 + own}, address


# ------------------------------------------------------------------------ assets


def test_a_picture_goes_up_and_comes_back_byte_for_byte(cast: Cast) -> None:
    client = client_of(cast, "creator")
    collection = collections.create_collection(brand=cast.acme, name="Spring", by=cast.creator)
    data = picture_bytes(size=(60, 90))
    answer = client.post(
        f"{V1}/assets/",
        {
            "file": upload(data),
            "brand": "acme",
            "description": "Worn at dusk",
            "tags": "cape, Red",
            "kind": "campaign",
            "expires_on": "2031-01-02",
            "collection": collection.pk,
        },
        format="multipart",
    )
    assert answer.status_code == 201
    told = answer.json()
    assert set(told) == FIELDS
    assert answer["Location"] == f"http://testserver{V1}/assets/{told['id']}/"
    assert told["title"] == "red cape"
    assert told["tags"] == ["Red", "cape"]
    assert (told["width"], told["height"], told["bytes"]) == (60, 90, len(data))
    assert told["checksum"] == hashlib.sha256(data).hexdigest()
    assert told["brand"] == "acme"
    assert told["created_by"] == "creator"
    assert told["expires_on"] == "2031-01-02"
    assert (told["score"], told["index_state"], told["index_error"]) == (None, "pending", "")
    assert list(collection.assets.values_list("pk", flat=True)) == [told["id"]]
    original = client.get(told["file"])
    assert b"".join(original.streaming_content) == data  # type: ignore[attr-defined]
    for name in ("thumbnail", "preview"):
        assert client.get(told[name])["Content-Type"] == "image/webp"


def test_tags_may_be_repeated_fields(cast: Cast) -> None:
    body = {"file": upload(), "brand": "acme", "tags": ["cape", "gold trim"]}
    answer = client_of(cast, "creator").post(f"{V1}/assets/", body, format="multipart")
    assert answer.json()["tags"] == ["cape", "gold trim"]


def test_the_same_bytes_are_answered_with_the_asset_that_is_there(cast: Cast) -> None:
    client = client_of(cast, "creator")
    first, second = (
        client.post(f"{V1}/assets/", {"file": upload(), "brand": "acme"}, format="multipart")
        for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 200)
    assert "Duplicate" not in first
    assert second["Duplicate"] == "true"
    assert second.json()["id"] == first.json()["id"]


def test_the_same_bytes_again_complete_the_asset_and_the_answer_says_how(
    cast: Cast, make_asset: MakeAsset
) -> None:
    data = picture_bytes((7, 7, 7))
    asset = make_asset(file=data, title="Cape", tags=["old"], credit="Ann")
    collection = collections.create_collection(brand=cast.acme, name="Spring", by=None)
    body = {
        "file": upload(data),
        "brand": "acme",
        "collection": collection.pk,
        "title": "Other",
        "tags": "OLD, new",
        "credit": "Bob",
        "licence": "Editorial",
    }
    client = client_of(cast, "creator")
    answer = client.post(f"{V1}/assets/", body, format="multipart")
    assert answer.status_code == 200
    told = answer.json()
    assert told["created"] is False
    assert told["added"] == {"tags": ["new"], "collection": collection.pk, "fields": ["licence"]}
    assert (told["id"], told["title"], told["credit"]) == (asset.pk, "Cape", "Ann")
    assert (told["tags"], told["licence"]) == (["new", "old"], "Editorial")
    assert list(collection.assets.all()) == [asset]
    body["file"] = upload(data)
    again = client.post(f"{V1}/assets/", body, format="multipart").json()
    assert again["added"] == {"tags": [], "collection": None, "fields": []}


def test_words_change_and_the_rest_stays(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(title="Cape", tags=["old"], status="draft")
    body = {"description": "Silk", "tags": ["new", "red, gold"], "expires_on": None}
    answer = client_of(cast, "creator").patch(f"{V1}/assets/{asset.pk}/", body)
    told = answer.json()
    assert (told["title"], told["description"]) == ("Cape", "Silk")
    assert told["tags"] == ["gold", "new", "red"]
    assert told["status"] == "draft"


def test_a_creator_may_send_the_status_that_is_there(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(status="draft")
    answer = client_of(cast, "creator").patch(f"{V1}/assets/{asset.pk}/", {"status": "draft"})
    assert answer.status_code == 200


@pytest.mark.parametrize("how", ["token", "session"])
def test_a_list_takes_as_many_queries_for_twenty_as_for_one(
    how: str,
    cast: Cast,
    make_asset: MakeAsset,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = client_of(cast, "viewer" if how == "token" else "anonymous")
    if how == "session":
        client.force_login(cast.viewer)
    for many in (1, 20):
        while Asset.objects.count() < many:
            make_asset(tags=["one", "two"])
        # token, or session and user; and one query for the assets
        with django_assert_num_queries(2 if how == "token" else 3):
            answer = client.get(f"{V1}/assets/")
        assert len(answer.json()["results"]) == many


# ------------------------------------------------------------------------ collections


def test_a_collection_keeps_its_order(cast: Cast, make_asset: MakeAsset) -> None:
    client = client_of(cast, "creator")
    made = client.post(f"{V1}/collections/", {"name": "Spring", "brand": "acme"})
    assert made.status_code == 201
    assert made["Location"].endswith(f"{V1}/collections/{made.json()['id']}/")
    address = f"{V1}/collections/{made.json()['id']}/"
    one, two, three = make_asset(), make_asset(), make_asset()
    client.post(f"{address}assets/", {"assets": [two.pk, one.pk, two.pk]})
    told = client.post(f"{address}assets/", {"assets": [one.pk, three.pk]}).json()
    assert told["assets"] == [two.pk, one.pk, three.pk]
    assert told["asset_count"] == 3
    client.delete(f"{address}assets/{one.pk}/")
    assert client.get(address).json()["assets"] == [two.pk, three.pk]


def test_a_collection_takes_only_its_brands_assets(cast: Cast, make_asset: MakeAsset) -> None:
    collection = collections.create_collection(brand=cast.acme, name="Spring", by=cast.creator)
    foreign = make_asset(brand=cast.other)
    answer = client_of(cast, "staff").post(
        f"{V1}/collections/{collection.pk}/assets/", {"assets": [foreign.pk]}
    )
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"assets": [f"Acme has no asset with ID {foreign.pk}."]}


def test_a_name_is_taken_once_in_a_brand(cast: Cast, collection: Collection) -> None:
    client = client_of(cast, "creator")
    again = client.post(f"{V1}/collections/", {"name": "Spring", "brand": "acme"})
    assert again.status_code == 400
    other = client.post(f"{V1}/collections/", {"name": "Summer", "brand": "acme"}).json()
    answer = client.patch(f"{V1}/collections/{other['id']}/", {"name": "Spring"})
    assert answer.status_code == 400
    assert "name" in answer.json()["errors"]


def test_lists_go_on_at_next(cast: Cast) -> None:
    for number in range(5):
        collections.create_collection(brand=cast.acme, name=f"C{number}", by=None)
    client, names, address = client_of(cast, "viewer"), [], f"{V1}/collections/?limit=2&brand=acme"
    while address:
        page = client.get(address).json()
        names += [told["name"] for told in page["results"]]
        address = page["next"]
    assert names == ["C0", "C1", "C2", "C3", "C4"]


# ------------------------------------------------------------------------ health


def test_health_tells_anybody_what_is_down_and_only_staff_why(
    cast: Cast, milvus_down: None
) -> None:
    told = {name: client_of(cast, name).get(f"{V1}/health/") for name in ("anonymous", "staff")}
    assert {answer.status_code for answer in told.values()} == {503}
    parts = told["anonymous"].json()["parts"]
    assert told["anonymous"].json()["status"] == "degraded"
    assert {"name": "database", "ok": True} in parts
    assert {"name": "vectors", "ok": False} in parts
    assert all(set(part) == {"name", "ok"} for part in parts)
    assert client_of(cast, "manager").get(f"{V1}/health/").json()["parts"] == parts
    index = {part["name"]: part for part in told["staff"].json()["parts"]}["index"]
    assert index["counts"]["pending"] == 0
    assert "indexed" in index["detail"]


def test_health_is_ok_when_every_part_is(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks.health_checks, "functions", [health.database, health.files])
    answer = APIClient().get(f"{V1}/health/")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


# ------------------------------------------------------------------------ problems


def told(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"code", "detail", "errors"}
    return answer.status_code, body["code"]


def test_problems_have_one_shape(cast: Cast, make_asset: MakeAsset, settings: Any) -> None:
    client, asset = client_of(cast, "manager"), make_asset()
    one = f"{V1}/assets/{asset.pk}/"
    anonymous = APIClient().get(one)
    assert told(anonymous) == (401, "not_authenticated")
    assert anonymous["WWW-Authenticate"] == "Token"
    bad_token = APIClient().get(one, HTTP_AUTHORIZATION="Token nonsense")
    assert told(bad_token) == (401, "authentication_failed")
    assert told(client.get(f"{V1}/assets/999999/")) == (404, "not_found")
    assert told(client.get(f"{V1}/assets/{10**30}/")) == (404, "not_found")
    assert told(client.get(f"{V1}/assets/none/")) == (404, "not_found")
    assert told(client.put(one, {})) == (405, "method_not_allowed")
    assert told(client.get(one, HTTP_ACCEPT="text/html")) == (406, "not_acceptable")
    assert told(client.post(f"{V1}/assets/", {"brand": "acme"})) == (415, "unsupported_media_type")
    broken = client.generic("PATCH", one, "{", content_type="application/json")
    assert told(broken) == (400, "parse_error")
    nested = client.generic("PATCH", one, "[" * 200_000, content_type="application/json")
    assert told(nested) == (400, "parse_error")
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    long = {"description": "x" * 200}
    for format in ("json", "multipart"):
        assert told(client.patch(one, long, format=format)) == (413, "too_large"), format


def test_what_is_wrong_is_said_by_field(cast: Cast, make_asset: MakeAsset) -> None:
    client = client_of(cast, "manager")
    answer = client.patch(
        f"{V1}/assets/{make_asset().pk}/",
        {"kind": "nonsense", "expires_on": "soon", "tags": [["nested"]], "title": "a\x00b"},
    )
    assert told(answer) == (400, "invalid")
    errors = answer.json()["errors"]
    assert set(errors) == {"kind", "expires_on", "tags", "title"}
    assert all(isinstance(line, str) for lines in errors.values() for line in lines)
    assert answer.json()["detail"].split(":")[0] in errors


def test_files_that_are_no_pictures_are_refused(cast: Cast, settings: Any) -> None:
    client = client_of(cast, "creator")

    def put(data: bytes, **fields: Any) -> Any:
        body = {"file": upload(data), "brand": "acme", **fields}
        return client.post(f"{V1}/assets/", body, format="multipart")

    assert told(put(b"")) == (400, "picture_refused")
    assert told(put(b"no picture")) == (415, "picture_unsupported")
    assert told(put(picture_bytes(), tags="x" * 60)) == (400, "invalid_asset")
    assert told(put(picture_bytes(), brand="no\x00ne")) == (400, "invalid")
    assert told(put(picture_bytes(), collection="77")) == (400, "invalid")
    settings.MAX_UPLOAD_BYTES = 50
    assert told(put(picture_bytes())) == (413, "picture_too_large")
    assert not Asset.objects.exists()


class Broken(APIView):
    """A view that raises an unexpected exception."""

    permission_classes: list[Any] = []
    error: Exception = DatabaseError("password=hunter2")

    def get(self, request: Request) -> Response:
        raise self.error


def test_the_unexpected_is_logged_and_not_told(db: None, caplog: pytest.LogCaptureFixture) -> None:
    response = Broken.as_view()(APIRequestFactory().get("/"))
    assert (response.status_code, response.data["code"]) == (500, "server_error")
    assert "hunter2" not in str(response.data)
    assert "hunter2" in caplog.text


def test_too_many_requests(db: None) -> None:
    response = Broken.as_view(error=Throttled(wait=7))(APIRequestFactory().get("/"))
    assert (response.status_code, response.data["code"]) == (429, "throttled")
    assert response["Retry-After"] == "7"


# ------------------------------------------------------------------------ tools


def test_the_schema_is_sound(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(tmp_path / "schema.yml"))


def test_schema_and_docs_are_for_those_who_signed_in(cast: Cast) -> None:
    assert client_of(cast, "anonymous").get("/api/docs/").status_code == 401
    assert client_of(cast, "viewer").get("/api/schema/").status_code == 200
    assert client_of(cast, "viewer").get("/api/docs/", HTTP_ACCEPT="text/html").status_code == 200


def test_a_token_is_made_on_the_command_line(cast: Cast) -> None:
    call_command("drf_create_token", "viewer", verbosity=0)
    key = Token.objects.get(user=cast.viewer).key
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    assert client.get(f"{V1}/brands/acme/").json()["role"] == "viewer"
