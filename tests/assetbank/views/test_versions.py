"""Replace, compare and restore the file of an asset: through pages and through REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from assetbank.assets import approval, read_original, versions
from assetbank.models import Asset, AssetVersion
from tests.conftest import Cast, picture_bytes
from tests.support.api import client_of, upload
from tests.support.pages import signed_in, text

MakeAsset = Callable[..., Asset]
RED, GREEN = picture_bytes((200, 30, 40)), picture_bytes((20, 160, 60), (60, 90))


@pytest.fixture
def asset(make_asset: MakeAsset) -> Asset:
    return make_asset(file=RED, filename="old.png", title="Cape")


def form(data: bytes = GREEN, reason: str = "Retouched") -> dict[str, Any]:
    return {"file": SimpleUploadedFile("new.png", data, "image/png"), "reason": reason}


def original(response: Any) -> bytes:
    return b"".join(response.streaming_content)


# ------------------------------------------------------------------------ pages


def test_an_editor_replaces_compares_and_restores(cast: Cast, asset: Asset) -> None:
    client, address = signed_in(cast.creator), f"/assets/{asset.pk}/versions/"
    assert "it was never replaced" in text(client.get(address))
    assert "Restore" not in text(client.get(address))
    page = text(client.post(address, form(), follow=True))
    assert "“Cape” has a new file: version 2." in page
    assert "Version 2" in page
    page = text(client.get(address))
    for words in ("Version 1", "Version 2", "Current", "Retouched", "old.png", "new.png"):
        assert words in page
    page = text(client.get(f"{address}compare/?a=1&b=2&way=slider"))
    for words in (
        "80 \N{MULTIPLICATION SIGN} 60 px",
        "60 \N{MULTIPLICATION SIGN} 90 px",
        "#c81e28",
        "#14a03c",
        "data-compare-split",
    ):
        assert words in page
    assert original(client.get(f"{address}1/original/")) == RED
    assert client.get(f"{address}1/renditions/grid/").headers["Content-Type"] == "image/webp"
    page = text(client.post(f"{address}1/restore/", follow=True))
    assert "Version 1 of “Cape” is current again." in page
    assert read_original(Asset.objects.get(pk=asset.pk)) == RED
    assert "restored from version 1" in text(client.get(address))


def test_the_panel_of_the_asset_page_shows_the_latest_versions(cast: Cast, asset: Asset) -> None:
    for number in range(7):
        data = picture_bytes((number, 1, 1))
        versions.replace_file(asset=asset, file=data, filename=f"{number}.png", by=cast.creator)
    client = signed_in(cast.creator)
    assert f'hx-get="/assets/{asset.pk}/versions/"' in text(client.get(f"/assets/{asset.pk}/"))
    panel = text(client.get(f"/assets/{asset.pk}/versions/", headers={"HX-Request": "true"}))
    assert "<html" not in panel
    assert panel.count("<li") == 5
    assert "3 earlier versions" in panel
    assert text(client.get(f"/assets/{asset.pk}/versions/")).count('class="version-thumb"') == 8


def test_an_approved_asset_says_before_that_it_will_be_a_draft_and_after_that_it_is(
    cast: Cast, asset: Asset
) -> None:
    approval.decide(asset=asset, by=cast.manager, verdict="rejected")
    approval.decide(asset=asset, by=cast.manager, verdict="approved")
    client, address = signed_in(cast.manager), f"/assets/{asset.pk}/versions/"
    assert "with another file it becomes a draft" in text(client.get(address))
    page = text(client.post(address, form(), follow=True))
    assert "It awaits approval." in page
    assert "File replaced" in page
    assert "Version 2: Retouched" in page
    assert signed_in(cast.viewer).get(f"/assets/{asset.pk}/").status_code == 404
    assert "File replaced" in text(signed_in(cast.manager).get("/review/"))


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"no picture", 415, "not a supported image"),
        (b"", 400, "This file is empty."),
        (RED, 409, "This is the current file of “Cape” already"),
    ],
)
def test_a_refused_file_keeps_the_page_and_the_reason(
    cast: Cast, asset: Asset, data: bytes, status: int, sentence: str
) -> None:
    response = signed_in(cast.creator).post(f"/assets/{asset.pk}/versions/", form(data))
    assert response.status_code == status
    assert sentence in text(response)
    assert 'value="Retouched"' in text(response)
    assert not AssetVersion.objects.exists()


def test_without_a_file_the_form_says_so(cast: Cast, asset: Asset) -> None:
    response = signed_in(cast.creator).post(f"/assets/{asset.pk}/versions/", {"reason": "x"})
    assert response.status_code == 400
    assert "This field is required." in text(response)


def test_a_file_that_another_asset_has_is_refused_with_a_link(
    cast: Cast, asset: Asset, make_asset: MakeAsset
) -> None:
    other = make_asset(file=GREEN, title="Hat")
    response = signed_in(cast.creator).post(f"/assets/{asset.pk}/versions/", form())
    assert response.status_code == 409
    assert f'<a href="/assets/{other.pk}/">Open that asset</a>' in text(response)


def test_a_quarantined_asset_shows_its_versions_and_no_form(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset = make_asset(status="quarantined", file=RED)
    client, address = signed_in(cast.creator), f"/assets/{asset.pk}/versions/"
    page = text(client.get(address))
    assert "is quarantined" in page
    assert "Replace file" not in page
    assert client.post(address, form()).status_code == 400
    assert client.get(f"{address}1/original/").status_code == 403
    assert signed_in(cast.manager).get(f"{address}1/original/").status_code == 200


def test_a_version_whose_file_is_missing_is_named(cast: Cast, asset: Asset) -> None:
    versions.replace_file(asset=asset, file=GREEN, filename="new.png", by=cast.creator)
    old = versions.get_version(asset, 1)
    default_storage.delete(old.file)
    default_storage.delete(old.as_asset.rendition_path("preview"))
    client = signed_in(cast.creator)
    page = text(client.get(f"/assets/{asset.pk}/versions/compare/?a=1&b=2"))
    assert "The file of version 1 cannot be read from the storage." in page
    response = client.post(f"/assets/{asset.pk}/versions/1/restore/")
    assert response.status_code == 503
    assert "is missing from the storage" in text(response)


def test_viewers_see_no_trace_of_versions(cast: Cast, asset: Asset) -> None:
    versions.replace_file(asset=asset, file=GREEN, filename="new.png", by=None)
    approval.decide(asset=asset, by=cast.manager, verdict="approved")
    client = signed_in(cast.viewer)
    page = text(client.get(f"/assets/{asset.pk}/"))
    assert "/versions/" not in page
    for more in ("", "compare/", "1/original/", "2/original/", "1/renditions/grid/"):
        assert client.get(f"/assets/{asset.pk}/versions/{more}").status_code == 403
    assert original(client.get(f"/assets/{asset.pk}/original/")) == GREEN


def test_a_rendition_of_a_version_is_asked_for_each_time(cast: Cast, asset: Asset) -> None:
    client, address = signed_in(cast.creator), f"/assets/{asset.pk}/versions/1/renditions/grid/"
    response = client.get(address)
    assert response.headers["Cache-Control"] == "private, no-cache"
    tag = {"If-None-Match": response.headers["ETag"]}
    assert client.get(address, headers=tag).status_code == 304
    cast.acme.memberships.filter(user=cast.creator).delete()
    assert client.get(address, headers=tag).status_code == 404


# ------------------------------------------------------------------------ REST


def test_over_rest_a_file_is_replaced_listed_read_and_restored(cast: Cast, asset: Asset) -> None:
    client, address = client_of(cast, "creator"), f"/api/v1/assets/{asset.pk}/"
    before = client.get(address).json()
    assert before["version"] == 1
    (only,) = client.get(f"{address}versions/").json()
    assert (only["number"], only["current"], only["created_by"]) == (1, True, "creator")

    answer = client.post(f"{address}versions/", form(), format="multipart")
    assert answer.status_code == 201, answer.json()
    assert answer.headers["Location"] == f"http://testserver{address}versions/2/"
    made = answer.json()
    assert (made["number"], made["current"], made["reason"]) == (2, True, "Retouched")
    assert (made["width"], made["height"], made["filename"]) == (60, 90, "new.png")
    after = client.get(address).json()
    assert (after["version"], after["status"]) == (2, "draft")
    assert after["thumbnail"] != before["thumbnail"]
    assert after["tags"] == before["tags"]

    new, old = client.get(f"{address}versions/").json()
    assert [new["number"], old["number"]] == [2, 1]
    assert old["checksum"] == before["checksum"]
    assert original(client.get(old["file"])) == RED
    assert client.get(old["thumbnail"]).status_code == 200
    assert client.get(f"{address}versions/1/").json() == old

    restored = client.post(f"{address}versions/1/restore/", {"reason": "Better"}, format="json")
    assert restored.status_code == 201
    assert (restored.json()["number"], restored.json()["restored_from"]) == (3, 1)
    assert client.get(address).json()["checksum"] == before["checksum"]
    assert original(client.get(before["file"])) == RED


def test_rest_says_why_a_file_is_refused(cast: Cast, asset: Asset, make_asset: MakeAsset) -> None:
    other = make_asset(file=GREEN)
    client, address = client_of(cast, "creator"), f"/api/v1/assets/{asset.pk}/versions/"
    same = client.post(address, form(RED), format="multipart")
    assert (same.status_code, same.json()["code"]) == (409, "same_file")
    taken = client.post(address, form(), format="multipart")
    assert (taken.status_code, taken.json()["asset"]) == (409, str(other.pk))
    assert client.post(address, form(b"text"), format="multipart").status_code == 415
    assert client.post(address, {"reason": "x"}, format="multipart").json()["code"] == "invalid"
    assert client.get(f"{address}7/").status_code == 404
    assert client.post(f"{address}7/restore/", {}, format="json").status_code == 404


def test_a_repeated_request_with_its_key_replaces_once(cast: Cast, asset: Asset) -> None:
    client, address = client_of(cast, "creator"), f"/api/v1/assets/{asset.pk}/versions/"
    key = {"Idempotency-Key": "once"}
    first, again = (client.post(address, form(), format="multipart", headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert AssetVersion.objects.count() == 2


def test_an_earlier_version_uploaded_anew_says_whose_it_is(cast: Cast, asset: Asset) -> None:
    versions.replace_file(asset=asset, file=GREEN, filename="new.png", by=cast.creator)
    data = {"file": upload(RED), "brand": "acme"}
    answer = client_of(cast, "creator").post("/api/v1/assets/", data, format="multipart")
    assert (answer.status_code, answer.json()["id"]) == (200, asset.pk)
    assert (answer.headers["Duplicate"], answer.headers["Duplicate-Version"]) == ("true", "1")
    page = signed_in(cast.creator).post(
        "/upload/", {"file": upload(RED), "brand": "acme"}, headers={"Accept": "application/json"}
    )
    assert (page.json()["outcome"], page.json()["version"]) == ("duplicate", 1)


def test_the_brand_says_what_becomes_of_the_approval(cast: Cast) -> None:
    answer = client_of(cast, "viewer").get("/api/v1/brands/acme/")
    assert answer.json()["replacement_policy"] == "ask_again"
