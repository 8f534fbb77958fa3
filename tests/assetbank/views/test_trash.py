"""The trash on pages, over REST and at uploads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages

from assetbank.assets import collections, trash
from assetbank.models import Asset, Collection
from tests.conftest import Cast, picture_bytes
from tests.support.api import client_of, upload
from tests.support.pages import signed_in, text

MakeAsset = Callable[..., Asset]


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


class TestPages:
    def test_deleting_offers_to_undo_it(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset, client = make_asset(title="Red cape"), signed_in(cast.manager)
        answer = client.post(f"/assets/{asset.pk}/delete/", follow=True)
        assert "“Red cape” moved to the trash." in text(answer)
        assert 'form="undo-trash"' in text(answer)
        assert not Asset.objects.exists()
        back = client.post("/trash/undo/")
        assert back.headers["Location"] == asset.get_absolute_url()
        assert Asset.objects.get() == asset
        assert said(client.post("/trash/undo/"))[-1] == "These assets are no longer in the trash."

    def test_undo_is_of_the_user_who_deleted(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset = make_asset()
        signed_in(cast.manager).post(f"/assets/{asset.pk}/delete/")
        signed_in(cast.staff).post("/trash/undo/")
        assert not Asset.objects.exists()

    def test_several_are_moved_there_from_the_review(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        drafts = [make_asset(status="draft") for _ in range(3)]
        foreign, client = make_asset(brand=cast.other), signed_in(cast.manager)
        assert 'formaction="/trash/add/"' in text(client.get("/review/"))
        chosen = {"asset": [drafts[0].pk, drafts[1].pk, foreign.pk], "next": "/review/"}
        answer = client.post("/trash/add/", chosen)
        assert answer.headers["Location"] == "/review/"
        assert said(answer) == ["2 assets moved to the trash."]
        assert set(Asset.objects.all()) == {drafts[2], foreign}
        client.post("/trash/undo/")
        assert Asset.objects.count() == 4
        assert signed_in(cast.creator).post("/trash/add/", chosen).status_code == 403

    def test_the_page_lists_finds_restores_and_deletes(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        cape, hat, foreign = make_asset(title="Cape"), make_asset(title="Hat"), make_asset()
        Asset.objects.filter(pk=foreign.pk).update(brand=cast.other)
        trash.trash_assets(assets=[cape, hat, foreign], by=cast.staff)
        client = signed_in(cast.manager)
        page = text(client.get("/trash/"))
        assert "2 assets" in page
        assert "Deleted for good in 30 days." in page
        assert "· staff" in page
        found = text(client.get("/trash/?q=hat"))
        assert "Hat" in found
        assert "Cape" not in found
        assert "Nothing here matches" in text(client.get("/trash/?q=shoe"))
        assert said(client.post("/trash/restore/", {"asset": [hat.pk, foreign.pk]})) == [
            "1 asset restored."
        ]
        assert Asset.objects.get() == hat
        asked = text(client.post("/trash/purge/", {"asset": cape.pk}))
        assert "Delete “Cape” for good?" in asked
        assert Asset.all_objects.filter(pk=cape.pk).exists()
        client.post("/trash/purge/", {"asset": cape.pk, "sure": "1"})
        assert set(Asset.all_objects.all()) == {hat, foreign}
        assert "The trash is empty" in text(client.get("/trash/"))

    def test_the_trash_of_a_brand_is_emptied(self, cast: Cast, make_asset: MakeAsset) -> None:
        assets = [make_asset() for _ in range(3)]
        foreign = make_asset(brand=cast.other)
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        collections.add_assets(collection=collection, assets=assets)
        trash.trash_assets(assets=[*assets, foreign], by=None)
        client = signed_in(cast.staff)
        asked = text(client.post("/trash/purge/", {"all": "1", "brand": "acme"}))
        assert "Empty the trash of Acme?" in asked
        assert "They leave 1 collection." in asked
        client.post("/trash/purge/", {"all": "1", "brand": "acme", "sure": "1"})
        assert Asset.all_objects.get() == foreign
        missing = signed_in(cast.manager).post("/trash/purge/", {"all": "1", "brand": "other"})
        assert missing.status_code == 404

    def test_an_asset_there_is_shown_to_managers_read_only(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = make_asset(title="Cape", tags=["red"])
        trash.trash_assets(assets=[asset], by=cast.manager)
        page = text(signed_in(cast.manager).get(asset.get_absolute_url()))
        assert "In the trash since" in page
        assert "moved there by manager" in page
        assert f'action="/assets/{asset.pk}/edit/"' not in page
        for person in (cast.creator, cast.viewer, cast.outsider):
            assert signed_in(person).get(asset.get_absolute_url()).status_code == 404
        body = {"asset": asset.pk, "page": "1"}
        back = signed_in(cast.manager).post("/trash/restore/", body)
        assert back.headers["Location"] == asset.get_absolute_url()

    def test_an_upload_of_the_same_bytes_offers_to_restore_it(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = make_asset(file=picture_bytes(), title="Cape")
        trash.trash_assets(assets=[asset], by=cast.manager)

        def sent(person: Any, **headers: Any) -> Any:
            body = {"file": upload(), "brand": "acme"}
            return signed_in(person).post("/upload/", body, headers=headers, follow=True)

        told = sent(cast.manager, accept="application/json")
        assert told.status_code == 409
        assert told.json()["may_restore"] is True
        assert told.json()["restore"] == f"/api/v1/assets/{asset.pk}/restore/"
        assert "may_restore" not in sent(cast.creator, accept="application/json").json()
        assert f'<a href="/assets/{asset.pk}/">Restore it</a>' in text(sent(cast.manager))
        plain = text(sent(cast.creator))
        assert "A manager of Acme can restore it." in plain
        assert "Restore it</a>" not in plain


class TestRest:
    def test_an_asset_goes_there_and_comes_back(self, cast: Cast, make_asset: MakeAsset) -> None:
        asset, client = make_asset(title="Cape"), client_of(cast, "manager")
        address = f"/api/v1/assets/{asset.pk}/"
        assert client.delete(address).status_code == 204
        assert client.get(address).status_code == 404
        assert client.delete(address).status_code == 404
        (row,) = client.get("/api/v1/trash/").json()["results"]
        assert (row["id"], row["title"], row["deleted_by"]) == (asset.pk, "Cape", "manager")
        assert row["days_left"] == 30
        assert client.get(row["file"]).status_code == 200
        assert client_of(cast, "creator").get("/api/v1/trash/").json()["results"] == []
        restored = client.post(f"{address}restore/")
        assert (restored.status_code, restored.json()["done"]) == (200, [asset.pk])
        assert client.get(address).status_code == 200
        assert client.post(f"{address}restore/").status_code == 404

    def test_it_is_deleted_for_good_from_both_places(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        here, there, client = make_asset(), make_asset(), client_of(cast, "manager")
        trash.trash_assets(assets=[there], by=cast.manager)
        told = client.get(f"/api/v1/trash/{there.pk}/").json()
        assert told["impact"] == []
        for asset in (here, there):
            address = f"/api/v1/assets/{asset.pk}/?permanently="
            assert client.delete(f"{address}perhaps").status_code == 400
            assert client_of(cast, "creator").delete(f"{address}true").status_code in (403, 404)
            assert client.delete(f"{address}true").status_code == 204
        assert not Asset.all_objects.exists()

    def test_many_are_moved_restored_and_purged(self, cast: Cast, make_asset: MakeAsset) -> None:
        assets, client = [make_asset() for _ in range(3)], client_of(cast, "manager")
        chosen = {"assets": [asset.pk for asset in assets]}
        moved = client.post("/api/v1/trash/", chosen, format="json").json()
        assert moved == {"done": chosen["assets"], "skipped": {}}
        nobody = client_of(cast, "creator").post("/api/v1/trash/restore/", chosen, format="json")
        assert nobody.json()["done"] == []
        client.post("/api/v1/trash/restore/", {"assets": chosen["assets"][:1]}, format="json")
        assert Asset.objects.get() == assets[0]
        purged = client.post("/api/v1/trash/purge/", chosen, format="json").json()
        assert purged["done"] == chosen["assets"][1:]
        assert Asset.all_objects.get() == assets[0]
        assert client.post("/api/v1/trash/", {"assets": []}, format="json").status_code == 400

    def test_an_upload_of_the_same_bytes_is_a_conflict(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = make_asset(file=picture_bytes())
        trash.trash_assets(assets=[asset], by=cast.manager)
        body = {"file": upload(), "brand": "acme"}
        answer = client_of(cast, "creator").post("/api/v1/assets/", body, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (409, "in_trash")
        assert answer.json()["asset"] == str(asset.pk)


@pytest.mark.parametrize("name", ["creator", "viewer", "outsider"])
def test_files_there_are_gone_for_all_but_managers(
    cast: Cast, make_asset: MakeAsset, name: str
) -> None:
    asset = make_asset()
    addresses = [asset.original_url, asset.grid_url, f"/assets/{asset.pk}/download/?format=png"]
    trash.trash_assets(assets=[asset], by=cast.manager)
    client = signed_in(getattr(cast, name))
    assert [client.get(address).status_code for address in addresses] == [404] * 3
    client = signed_in(cast.manager)
    assert [client.get(address).status_code for address in addresses] == [200] * 3
