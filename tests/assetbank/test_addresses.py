"""Access to every address of the library and of the admin, by role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from assetbank.assets import approval, collections, trash, versions
from assetbank.assets.metadata.field_definitions import define_field
from assetbank.history import changes_of
from assetbank.models import Asset, Collection
from tests.conftest import Cast, picture_bytes
from tests.support.addresses import DRAFTS, OURS, Address, admin_addresses, keys, wrong
from tests.support.api import EVERYBODY, upload

MakeAsset = Callable[..., Asset]


def new_file() -> SimpleUploadedFile:
    return upload(picture_bytes((3, 141, 59)), f"{OURS}.png")


A, P, V, C, M, S = EVERYBODY  # P, the outsider, is any signed-in user
EDIT = {"title": "New", "kind": "product", "consent": "not_needed"}
ADDRESSES = [
    # public
    Address("get", "/sign-in/", A),
    Address("post", "/sign-in/", A, {"username": "x", "password": "y"}),
    Address("post", "/sign-out/", A),
    # for every signed-in user
    Address("get", "/notices/", P),
    Address("post", "/notices/", P),
    Address("get", "/notices/count/", P),
    Address("get", "/review/", P),
    Address("get", "/review/count/", P),
    Address("get", "/collections/", P),
    Address("get", "/api/schema/", P),
    Address("get", "/api/docs/", P),
    Address("get", "/api/v1/brands/", P),
    Address("get", "/api/v1/notices/", P),
    Address("post", "/api/v1/notices/read/", P),
    Address("get", "/api/v1/collections/", P),
    # of a brand
    Address("get", "/api/v1/brands/acme/", V),
    Address("get", "/upload/", C),
    Address("post", "/upload/", C, {"file": upload, "brand": "acme"}),
    # custom fields of a brand
    Address("get", "/brands/fields/", P),
    Address("get", "/brands/acme/fields/", M),
    Address("post", "/brands/acme/fields/", M, {"label": "Size", "kind": "text"}),
    Address("post", "/brands/acme/move-fields/", M, {"up": "sku"}),
    Address("get", "/brands/acme/fields/sku/", M),
    Address("post", "/brands/acme/fields/sku/", M, {"label": "SKU", "kind": "text"}),
    Address("get", "/brands/acme/csv/", M),
    Address("post", "/brands/acme/csv/", M, {"file": lambda: upload(b"id,title", "a.csv")}),
    Address("get", "/brands/acme/fields/sku/delete/", M),
    Address("post", "/brands/acme/fields/sku/delete/", M),
    Address("get", "/upload/fields/?brand=acme", C),
    Address("get", "/api/v1/brands/acme/fields/", V),
    Address("post", "/api/v1/brands/acme/fields/", M, {"label": "Size"}),
    Address("get", "/api/v1/brands/acme/fields/sku/", V),
    Address("patch", "/api/v1/brands/acme/fields/sku/", M, {"label": "Article"}),
    Address("delete", "/api/v1/brands/acme/fields/sku/", M),
    # an approved asset, and its files
    Address("get", "/assets/{shown}/", V),
    Address("post", "/assets/{shown}/edit/", C, {**EDIT, "status": "approved"}),
    Address("get", "/assets/{shown}/delete/", M),
    Address("post", "/assets/{shown}/delete/", M),
    Address("get", "/assets/{shown}/original/", V),
    Address("get", "/assets/{shown}/renditions/grid/", V),
    Address("get", "/assets/{shown}/download/?format=png&side=40", V),
    Address("get", "/assets/{shown}/credentials/", V),
    Address("get", "/api/v1/assets/{shown}/download/?format=png&side=40", V),
    Address("get", "/api/v1/assets/{shown}/credentials/", V),
    Address("get", "/assets/{shown}/history/", C),
    Address("post", "/assets/{shown}/history/undo/", C, {"change": "{change}"}),
    Address("get", "/api/v1/assets/{shown}/history/", C),
    Address("post", "/api/v1/assets/{shown}/history/undo/", C, {"change": "{change}"}),
    Address("get", "/api/v1/brands/acme/history/", M),
    Address("get", "/api/v1/assets/{shown}/decisions/", C),
    Address(
        "post", "/api/v1/assets/{shown}/decisions/", M, {"verdict": "rejected", "reason": "No."}
    ),
    # an asset with terms to check
    Address("post", "/assets/{unclear}/terms-check/", C, {"derivatives_allowed": "yes"}),
    Address("post", "/api/v1/assets/{unclear}/terms-check/", C, {"derivatives_allowed": False}),
    # its versions: a viewer sees the current file only
    Address("get", "/assets/{shown}/versions/", C),
    Address("post", "/assets/{shown}/versions/", C, {"file": new_file, "reason": "New"}),
    Address("get", "/assets/{shown}/versions/compare/?a=1&b=2", C),
    Address("get", "/assets/{shown}/versions/1/original/", C),
    Address("get", "/assets/{shown}/versions/1/renditions/grid/", C),
    Address("post", "/assets/{shown}/versions/1/restore/", C),
    Address("get", "/api/v1/assets/{shown}/versions/", C),
    Address("post", "/api/v1/assets/{shown}/versions/", C, {"file": new_file}),
    Address("get", "/api/v1/assets/{shown}/versions/1/", C),
    Address("post", "/api/v1/assets/{shown}/versions/1/restore/", C, {"reason": "Better"}),
    # a draft, and its files
    Address("get", "/assets/{draft}/", C),
    Address("post", "/assets/{draft}/edit/", C, {**EDIT, "status": "draft"}),
    Address("get", "/assets/{draft}/original/", C),
    Address("get", "/assets/{draft}/renditions/preview/", C),
    Address("get", "/assets/{draft}/download/?format=png&side=40", C),
    Address("get", "/assets/{draft}/credentials/", C),
    Address("get", "/api/v1/assets/{draft}/download/?format=png&side=40", C),
    # creators get a page or an error that says that only managers decide
    Address("post", "/review/decide/", C, {"asset": "{draft}", "verdict": "approved"}),
    Address("post", "/api/v1/assets/{draft}/decisions/", M, {"verdict": "approved"}),
    # the trash
    Address("post", "/trash/undo/", P),
    Address("get", "/trash/", M),
    Address("post", "/trash/add/", M, {"asset": "{shown}"}),
    Address("post", "/trash/restore/", M, {"asset": "{trashed}"}),
    Address("post", "/trash/purge/", M, {"asset": "{trashed}"}),
    Address("get", "/api/v1/trash/", P),
    Address("post", "/api/v1/trash/", P, {"assets": "{drafts}"}),
    Address("get", "/api/v1/trash/{trashed}/", M),
    Address("post", "/api/v1/trash/restore/", P, {"assets": "{drafts}"}),
    Address("post", "/api/v1/trash/purge/", P, {"assets": "{drafts}"}),
    Address("post", "/api/v1/assets/{trashed}/restore/", M),
    # collections
    Address("post", "/collections/", C, {"name": "New", "brand": "{acme}"}),
    Address("post", "/collections/add/", C, {"collection": "{collection}", "asset": "{draft}"}),
    Address("post", "/collections/{collection}/remove/", C, {"asset": "{shown}"}),
    Address("post", "/collections/{collection}/move/", C, {"later": "{shown}"}),
    Address("get", "/collections/{collection}/delete/", C),
    Address("post", "/collections/{collection}/delete/", C),
    Address("post", "/api/v1/collections/", C, {"name": "New", "brand": "acme"}),
    Address("get", "/api/v1/collections/{collection}/", V),
    Address("patch", "/api/v1/collections/{collection}/", C, {"name": "New"}),
    Address("delete", "/api/v1/collections/{collection}/", C),
    Address("post", "/api/v1/collections/{collection}/assets/", C, {"assets": "{drafts}"}),
    Address("delete", "/api/v1/collections/{collection}/assets/{shown}/", C),
]


@pytest.fixture
def ids(cast: Cast, make_asset: MakeAsset) -> dict[str, Any]:
    define_field(brand=cast.acme, by=cast.manager, label="SKU", help=OURS)
    shown = make_asset(
        custom={"sku": OURS},
        title=f"{OURS} cape",
        description=OURS,
        tags=[OURS],
        filename=f"{DRAFTS}.png",
    )
    versions.replace_file(
        asset=shown,
        file=picture_bytes((9, 9, 9)),
        filename=f"{OURS}.png",
        by=cast.creator,
        reason=DRAFTS,
    )
    approval.decide(asset=shown, by=cast.manager, verdict="approved")
    draft = make_asset(title=f"{DRAFTS} hat", status="draft", filename=f"{DRAFTS}.png")
    unclear = make_asset(title=OURS, terms_to_check="Editorial use only")
    collection = Collection.objects.create(brand=cast.acme, name=f"{OURS} launch")
    collections.add_assets(collection=collection, assets=[shown, draft])
    approval.decide(asset=draft, by=cast.manager, verdict="rejected", reason=DRAFTS)
    trashed = make_asset(title=f"{DRAFTS} shoe")
    trash.trash_assets(assets=[trashed], by=cast.manager)
    return {
        "shown": shown.pk,
        "draft": draft.pk,
        "unclear": unclear.pk,
        "drafts": [draft.pk],
        "collection": collection.pk,
        "trashed": trashed.pk,
        "acme": cast.acme.pk,
        "change": changes_of(shown)[0].id,
    }


@pytest.mark.slow
def test_every_address_is_for_whom_it_is_meant(cast: Cast, ids: dict[str, Any]) -> None:
    told = wrong(cast, ADDRESSES, **ids)
    assert not told, "\n".join(told)


def test_every_address_is_in_the_table() -> None:
    """Add a new address to ADDRESSES, with the lowest role of EVERYBODY that has access."""
    told = {each.key for each in ADDRESSES} | {"get api-health"}  # public
    assert told == keys(others_than=("search", "generation"))


@pytest.mark.slow
def test_the_admin_is_for_staff(cast: Cast) -> None:
    managing = Client()
    managing.force_login(cast.manager)
    for client in (Client(), managing):
        for address in admin_addresses():
            for ask in (client.get, client.post):
                answer = ask(address)
                assert answer.status_code == 302, address
                assert answer.headers["Location"].startswith("/admin/login/"), address
