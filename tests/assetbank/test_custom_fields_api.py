"""Tests of custom fields in REST: values of assets, and definitions of a brand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from assetbank.models import Asset, CustomField
from tests.assetbank.assets.metadata.fields import FIELDS, add_fields
from tests.conftest import Cast, picture_bytes
from tests.support.api import client_of, upload

MakeAsset = Callable[..., Asset]
LIST = "/api/v1/brands/acme/fields/"


@pytest.fixture(autouse=True)
def fields(cast: Cast) -> dict[str, CustomField]:
    return add_fields(cast.acme)


def test_an_asset_has_its_values_by_field(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(custom={"sku": "ORV-2231", "season": ["ss26"]})
    Asset.objects.filter(pk=asset.pk).update(custom={**asset.custom, "forgotten": 1})
    address = f"/api/v1/assets/{asset.pk}/"
    got = client_of(cast, "viewer").get(address).json()["fields"]
    assert got == {**dict.fromkeys(FIELDS), "sku": "ORV-2231", "season": ["ss26"]}
    listed = client_of(cast, "viewer").get("/api/v1/assets/").json()["results"]
    assert [each["fields"] for each in listed] == [got]


def test_patch_merges_values_and_null_removes_one(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(custom={"sku": "ORV-2231", "price": 3})
    address = f"/api/v1/assets/{asset.pk}/"
    creator = client_of(cast, "creator")
    answer = creator.patch(address, {"fields": {"price": None, "line": "men"}}, format="json")
    assert answer.status_code == 200
    assert answer.json()["fields"] == {**dict.fromkeys(FIELDS), "sku": "ORV-2231", "line": "Men"}
    wrong = creator.patch(address, {"fields": {"price": "x", "colour": "red"}}, format="json")
    assert wrong.status_code == 400
    assert wrong.json()["code"] == "invalid_fields"
    assert wrong.json()["errors"] == {
        "fields.price": ["Price: Write a number, for example 12.5."],
        "fields.colour": [f"Acme has no field “colour”. Its fields: {', '.join(FIELDS)}."],
    }
    assert creator.patch(address, {"fields": [1]}, format="json").status_code == 400
    viewer = client_of(cast, "viewer")
    assert viewer.patch(address, {"fields": {"sku": "x"}}, format="json").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"fields": json.dumps({"sku": "A-1", "season": ["ss26", "fw25"]})},
        {"field.sku": "A-1", "field.season": ["ss26", "fw25"]},
        {"fields": json.dumps({"sku": "A-1"}), "field.season": "fw25;ss26"},
    ],
)
def test_an_upload_brings_values(cast: Cast, body: dict[str, Any]) -> None:
    given = {"file": upload(), "brand": "acme", **body}
    answer = client_of(cast, "creator").post("/api/v1/assets/", given, format="multipart")
    assert answer.status_code == 201
    assert Asset.objects.get().custom == {"sku": "A-1", "season": ["fw25", "ss26"]}


def test_an_upload_without_a_required_value_is_refused(cast: Cast) -> None:
    manager = client_of(cast, "manager")
    assert manager.patch(f"{LIST}sku/", {"required": True}, format="json").status_code == 200
    given = {"file": upload(), "brand": "acme"}
    answer = client_of(cast, "creator").post("/api/v1/assets/", given, format="multipart")
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"fields.sku": ["Article number is required."]}
    assert not Asset.objects.exists()
    file = upload(picture_bytes((1, 2, 3)))
    default = {"default": "none yet"}
    assert manager.patch(f"{LIST}sku/", default, format="json").status_code == 200
    given = {"file": file, "brand": "acme"}
    answer = client_of(cast, "creator").post("/api/v1/assets/", given, format="multipart")
    assert answer.json()["fields"]["sku"] == "none yet"


def test_managers_define_change_order_and_delete_fields(cast: Cast, make_asset: MakeAsset) -> None:
    manager = client_of(cast, "manager")
    given = {"label": "Campaign code", "kind": "choice", "choices": ["A", "B"], "help": "Of ads."}
    answer = manager.post(LIST, given, format="json")
    assert answer.status_code == 201
    made = answer.json()
    assert made == {
        "name": "campaign_code",
        "retired_choices": [],
        "required": False,
        "default": None,
        "xmp_property": "",
        "searched": True,
        "filterable": True,
        "position": 8,
        **given,
    }
    assert manager.get(LIST).json()[-1] == made
    asset = make_asset(custom={"campaign_code": "A"})
    address = f"{LIST}campaign_code/"
    change = {"renamed": {"A": "Alpha"}, "position": 0}
    changed = manager.patch(address, change, format="json").json()
    assert (changed["choices"], changed["position"]) == (["Alpha", "B"], 0)
    asset.refresh_from_db()
    assert asset.custom == {"campaign_code": "Alpha"}
    assert manager.get(address).json()["used_by"] == 1
    refused = manager.patch(address, {"kind": "number"}, format="json")
    assert refused.status_code == 400
    assert refused.json()["code"] == "invalid_field"
    assert manager.post(LIST, {"label": "X", "kind": "x"}, format="json").status_code == 400
    assert manager.delete(f"{address}?forget_values=true").status_code == 204
    asset.refresh_from_db()
    assert asset.custom == {}
    assert manager.get(address).status_code == 404
