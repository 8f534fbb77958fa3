"""Tests of the pages of custom fields: definitions, forms of assets and uploads, the asset page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from assetbank.assets.metadata.field_definitions import change_field
from assetbank.models import Asset, CustomField
from tests.assetbank.assets.metadata.fields import add_fields
from tests.conftest import Cast, picture_bytes
from tests.support.api import upload

MakeAsset = Callable[..., Asset]
PAGE = "/brands/acme/fields/"
EDIT = {"title": "Cape", "kind": "product", "consent": "not_needed", "tags": ""}


@pytest.fixture
def manager(cast: Cast, client: Client) -> Client:
    client.force_login(cast.manager)
    return client


@pytest.fixture
def fields(cast: Cast) -> dict[str, CustomField]:
    return add_fields(cast.acme)


def test_a_manager_adds_changes_moves_and_deletes_a_field(
    cast: Cast, manager: Client, make_asset: MakeAsset
) -> None:
    given = {"label": "Season", "kind": "choice", "choice_lines": "ss26\nfw25", "searched": "on"}
    assert manager.post(PAGE, given).status_code == 302
    assert manager.post(PAGE, {"label": "Size", "kind": "text"}).status_code == 302
    season = CustomField.objects.get(name="season")
    assert (season.choices, season.searched, season.filterable) == (["ss26", "fw25"], True, False)
    cast.acme.refresh_from_db()
    asset = make_asset(custom={"season": "ss26"})
    assert "used by 1 asset" in manager.get(PAGE).content.decode()
    given["choice_lines"] = "ss26 => Spring 26\nfw25"
    assert manager.post(f"{PAGE}season/", given).status_code == 302
    asset.refresh_from_db()
    assert asset.custom == {"season": "Spring 26"}
    manager.post("/brands/acme/move-fields/", {"up": "size"})
    assert [f.name for f in CustomField.objects.order_by("position")] == ["size", "season"]
    page = manager.get(f"{PAGE}season/delete/").content.decode()
    assert "1 asset of Acme has a value." in page
    assert manager.post(f"{PAGE}season/delete/", {"forget_values": "yes"}).status_code == 302
    asset.refresh_from_db()
    assert asset.custom == {}


def test_a_refused_definition_is_shown_with_its_sentence(manager: Client) -> None:
    answer = manager.post(PAGE, {"label": "Season", "kind": "choice"})
    assert answer.status_code == 400
    assert "“Season” needs at least one choice." in answer.content.decode()


def test_the_asset_page_shows_values_with_links_and_says_what_is_missing(
    cast: Cast, manager: Client, make_asset: MakeAsset, fields: dict[str, CustomField]
) -> None:
    change_field(field=fields["price"], by=cast.manager, required=True)
    asset = make_asset(custom={"sku": "ORV-2231", "season": ["ss26"], "shop": "https://a.example/"})
    page = manager.get(f"/assets/{asset.pk}/").content.decode()
    assert 'href="/?brand=acme&amp;field.sku=ORV-2231">ORV-2231</a>' in page
    assert 'href="https://a.example/" rel="nofollow' in page
    assert "Price is required and missing." in page
    manager.force_login(cast.viewer)
    page = manager.get(f"/assets/{asset.pk}/").content.decode()
    assert "ORV-2231" in page
    assert "required and missing" not in page


def test_the_edit_form_changes_values_and_an_unticked_choice_goes(
    cast: Cast, client: Client, make_asset: MakeAsset, fields: dict[str, CustomField]
) -> None:
    client.force_login(cast.creator)
    asset = make_asset(custom={"season": ["ss26"], "sku": "A", "line": "Men"}, status="draft")
    sent = {"custom_shown": "1", "field.sku": "B", "field.line": "", "field.cleared": "no"}
    assert client.post(f"/assets/{asset.pk}/edit/", {**EDIT, **sent}).status_code == 302
    asset.refresh_from_db()
    assert asset.custom == {"sku": "B", "cleared": False}
    assert client.post(f"/assets/{asset.pk}/edit/", EDIT).status_code == 302  # Without the inputs
    asset.refresh_from_db()
    assert asset.custom == {"sku": "B", "cleared": False}
    wrong = client.post(f"/assets/{asset.pk}/edit/", {**EDIT, "field.price": "cheap"})
    assert wrong.status_code == 400
    assert "Write a number" in wrong.content.decode()


def test_the_upload_form_asks_for_required_values_and_offers_defaults(
    cast: Cast, client: Client, fields: dict[str, CustomField]
) -> None:
    change_field(field=fields["sku"], by=cast.manager, required=True)
    change_field(field=fields["line"], by=cast.manager, default="Men")
    client.force_login(cast.creator)
    inputs = client.get("/upload/fields/?brand=acme").content.decode()
    assert 'name="field.sku"' in inputs
    assert '<option value="Men" selected>' in inputs
    answer = client.post("/upload/", {"file": upload(), "brand": "acme"})
    assert answer.status_code == 400
    assert "Article number is required." in answer.content.decode()
    given = {"file": upload(), "brand": "acme"}
    answer = client.post("/upload/", given, headers={"accept": "application/json"})
    assert answer.json()["errors"] == {"field.sku": ["Article number is required."]}
    sent = {"file": upload(), "brand": "acme", "field.sku": "A-1", "field.season": ["ss26"]}
    assert client.post("/upload/", sent).status_code == 302
    assert Asset.objects.get().custom == {"sku": "A-1", "season": ["ss26"], "line": "Men"}
    sent = {"file": upload(picture_bytes((9, 9, 9))), "brand": "acme", "custom_shown": "1"}
    client.post("/upload/", {**sent, "field.sku": "A-2", "field.line": ""})
    assert Asset.objects.get(custom__sku="A-2").custom == {"sku": "A-2"}


def test_the_library_has_filters_for_fields_with_chips_and_counts(
    cast: Cast, client: Client, make_asset: MakeAsset, fields: dict[str, CustomField]
) -> None:
    make_asset(title="Cape", custom={"season": ["ss26"], "price": 5})
    make_asset(title="Hat", custom={"season": ["fw25"]})
    client.force_login(cast.viewer)
    page = client.get("/?field.season=ss26&field.price.min=1").content.decode()
    assert "Cape" in page
    assert "Hat</" not in page
    assert 'name="field.season" value="ss26" checked' in page
    assert 'name="field.price.min" type="number" step="any" value="1"' in page
    assert "Season: ss26" in page
    assert "Price at least 1" in page
    counts = client.get("/facets/").content.decode()
    assert '<small class="count" id="count-field-season-1" hx-swap-oob="true">1</small>' in counts
    wrong = client.get("/?field.colour=red")
    assert wrong.status_code == 400
    assert "field.colour is no filter." in wrong.content.decode()
    assert 'href="?"' in wrong.content.decode()  # "Search without that"
