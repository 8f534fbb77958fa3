"""The life of an asset over REST: replaced, trashed, restored, merged, and what is known after."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from assetbank.models import Asset, Collection
from tests.conftest import Cast, picture_bytes
from tests.support.api import client_of, upload

V1 = "/api/v1"


def stored(client: APIClient, data: bytes, **fields: object) -> int:
    body = {"file": upload(data), "brand": "acme", **fields}
    answer = client.post(f"{V1}/assets/", body, format="multipart")
    assert answer.status_code == 201, answer.json()
    return int(answer.json()["id"])


def fields_changed(client: APIClient, pk: int) -> list[str]:
    changes = client.get(f"{V1}/assets/{pk}/history/").json()["results"]
    return [field["name"] for change in changes for field in change["fields"]]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_asset_is_replaced_trashed_restored_and_merged(cast: Cast) -> None:
    editor, manager, viewer = (client_of(cast, name) for name in ("creator", "manager", "viewer"))
    first, second = picture_bytes((200, 30, 40)), picture_bytes((20, 30, 200))
    collection = Collection.objects.create(brand=cast.acme, name="Spring")
    pk = stored(editor, first, title="Red bag", tags="bag", collection=collection.pk)
    copy = stored(editor, picture_bytes((200, 31, 40)), title="Red bag again", tags="handbag")

    # Replaced: another picture at the same address, the earlier one is a version
    address = f"{V1}/assets/{pk}/versions/"
    body = {"file": upload(second), "reason": "Retouched"}
    assert editor.post(address, body, format="multipart").status_code == 201
    now = editor.get(f"{V1}/assets/{pk}/").json()
    assert (now["title"], now["tags"], now["version"]) == ("Red bag", ["bag"], 2)
    assert editor.get(f"/assets/{pk}/versions/1/original/").getvalue() == first
    assert editor.get(now["file"]).getvalue() == second

    # Trashed: gone for everybody at once, and its bytes are not taken in again
    assert manager.delete(f"{V1}/assets/{pk}/").status_code == 204
    assert viewer.get(f"{V1}/assets/{pk}/").status_code == 404
    assert editor.get(f"{V1}/assets/{pk}/versions/").status_code == 404
    again = {"file": upload(second), "brand": "acme"}
    refused = editor.post(f"{V1}/assets/", again, format="multipart")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_trash")
    assert not collection.assets.exists()

    # Restored: as it was
    assert manager.post(refused.json()["restore"]).status_code == 200
    assert editor.get(f"{V1}/assets/{pk}/").json() == now
    assert list(collection.assets.values_list("pk", flat=True)) == [pk]

    # Merged: tags united, the copy archived with its own file, both histories tell of it
    merging = {"keep": pk, "others": [copy]}
    assert manager.post(f"{V1}/duplicates/merge/", merging, format="json").status_code == 200
    kept = editor.get(f"{V1}/assets/{pk}/").json()
    assert (kept["tags"], kept["version"]) == (["bag", "handbag"], 2)
    assert editor.get(f"{V1}/assets/{copy}/").json()["status"] == "archived"
    assert len(editor.get(address).json()) == 2
    changed = fields_changed(editor, pk)
    assert {"tags", "checksum", "version", "deleted_at"} <= set(changed)
    assert "status" in fields_changed(editor, copy)

    # The earlier file comes back as a third version, and leaves with the asset for good
    restored = editor.post(f"{address}1/restore/", {"reason": "Better"}, format="json")
    assert restored.status_code == 201
    assert editor.get(kept["file"]).getvalue() == first
    manager.delete(f"{V1}/assets/{pk}/")
    assert manager.delete(f"{V1}/assets/{pk}/?permanently=true").status_code == 204
    assert not Asset.all_objects.filter(pk=pk).exists()
