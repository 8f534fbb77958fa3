"""Who changed what: stored by triggers, shown to editors, undone one by one."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pghistory
import pytest
from django.db import connection
from django.test import Client

from assetbank.assets import can_undo, undo_change, update_asset
from assetbank.assets.metadata.field_definitions import define_field
from assetbank.errors import InvalidAsset, NotAllowed
from assetbank.history import Change, changes_of, field_values, revert_change
from assetbank.models import Asset, Brand, Membership
from tests.conftest import Cast
from tests.support.api import client_of
from tests.support.pages import signed_in

# Each change needs a transaction of its own: those of one transaction are one change
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
MakeAsset = Callable[..., Asset]


def fields_of(change: Change) -> dict[str, tuple[object, object]]:
    return {each.name: (each.before, each.after) for each in change.fields}


def test_a_change_tells_who_what_and_from_which_value_to_which(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset = make_asset(title="Red bag", tags=["bag"])
    with pghistory.context(user=cast.creator.pk):
        update_asset(asset=asset, title="Green bag", credit="Anna", tags=["green"])
    with pghistory.context(user=cast.manager.pk):
        update_asset(asset=asset, title="Blue bag")
    latest, earlier, *_ = changes_of(asset)
    assert (latest.by, fields_of(latest)) == ("manager", {"title": ("Green bag", "Blue bag")})
    assert earlier.by == "creator"
    assert fields_of(earlier) == {
        "title": ("Red bag", "Green bag"),
        "credit": ("", "Anna"),
        "tags": (["bag"], ["green"]),
    }


def test_bulk_changes_and_sql_by_hand_are_kept(cast: Cast, make_asset: MakeAsset) -> None:
    assets = [make_asset(title=f"Bag {number}") for number in range(3)]
    with pghistory.context(user=cast.manager.pk):
        Asset.objects.filter(brand=cast.acme).update(licence="CC BY 4.0")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE assetbank_asset SET credit = 'By hand'")
    for asset in assets:
        by_hand, bulk, *_ = changes_of(asset)
        assert (by_hand.by, fields_of(by_hand)) == ("", {"credit": ("", "By hand")})
        assert (bulk.by, fields_of(bulk)) == ("manager", {"licence": ("", "CC BY 4.0")})


def test_a_change_that_changes_nothing_is_none(make_asset: MakeAsset) -> None:
    asset = make_asset(title="Bag")
    before = changes_of(asset)
    update_asset(asset=asset, title="Bag")
    assert changes_of(asset) == before


def test_pages_of_changes_neither_repeat_nor_skip_one(make_asset: MakeAsset) -> None:
    asset = make_asset(title="0")
    for number in range(1, 8):
        update_asset(asset=asset, title=str(number))
    everything = changes_of(asset)
    read: list[Change] = []
    while page := changes_of(asset, before=read[-1].at if read else None, limit=3):
        read += page
    assert read == everything
    titles = [fields_of(each)["title"] for each in read[:7]]
    assert titles == [(str(n - 1), str(n)) for n in range(7, 0, -1)]


def test_undo_sets_fields_and_tags_back_and_is_a_change_itself(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset = make_asset(title="Red bag", tags=["bag", "red"])
    update_asset(asset=asset, title="Green bag", tags=["bag", "green"])
    update_asset(asset=asset, credit="Anna")
    _, change, *_ = changes_of(asset)
    undo_change(asset=asset, change_id=change.id, by=cast.creator)
    asset.refresh_from_db()
    assert (asset.title, asset.credit, sorted(asset.tags.names())) == (
        "Red bag",
        "Anna",
        ["bag", "red"],
    )
    assert fields_of(changes_of(asset)[0])["title"] == ("Green bag", "Red bag")


def test_undo_refuses_what_was_changed_since_what_is_missing_and_who_may_not(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset, other = make_asset(title="One"), make_asset(title="Other")
    update_asset(asset=asset, title="Two")
    first = changes_of(asset)[0]
    update_asset(asset=asset, title="Three")
    with pytest.raises(InvalidAsset, match="Title has been changed again since"):
        undo_change(asset=asset, change_id=first.id, by=cast.creator)
    for wrong in ("", "x", "tag-", "99999999", f"{first.id}0", "tag-1' OR 1=1"):
        with pytest.raises(InvalidAsset, match="does not exist"):
            undo_change(asset=asset, change_id=wrong, by=cast.creator)
    with pytest.raises(InvalidAsset, match="does not exist"):
        undo_change(asset=other, change_id=first.id, by=cast.creator)
    with pytest.raises(NotAllowed):
        undo_change(asset=asset, change_id=first.id, by=cast.viewer)


def test_undo_follows_the_rules_of_any_change(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(status="draft")
    update_asset(asset=asset, status="archived")
    change = changes_of(asset)[0]
    assert not can_undo(change)
    with pytest.raises(InvalidAsset, match="action of its own"):
        undo_change(asset=asset, change_id=change.id, by=cast.manager)


def test_the_history_outlives_its_row(make_asset: MakeAsset) -> None:
    asset = make_asset(title="Gone")
    pk = asset.pk
    Asset._base_manager.filter(pk=pk).delete()
    asset.pk = pk
    assert changes_of(asset)[0].action == "deleted"


def test_brands_and_memberships_are_kept(cast: Cast) -> None:
    with pghistory.context(user=cast.staff.pk):
        Brand.objects.filter(pk=cast.acme.pk).update(style="Loud")
    change = changes_of(cast.acme)[0]
    assert (change.by, fields_of(change)) == ("staff", {"style": ("Calm light.", "Loud")})
    member = Membership.objects.get(user=cast.viewer)
    member.role = "manager"
    member.save()
    change, created = changes_of(member)
    assert fields_of(change) == {"role": ("viewer", "manager")}
    assert field_values(member, change.fields[0]) == (
        "Viewer: views and downloads",
        "Manager: also approves and deletes",
    )
    assert created.action == "created"
    member_id = member.pk
    member.delete()
    member.pk = member_id
    assert changes_of(member)[0].action == "deleted"


def test_another_row_is_reverted_unless_its_value_is_no_longer_valid(cast: Cast) -> None:
    Brand.objects.filter(pk=cast.acme.pk).update(palette=[])
    change = changes_of(cast.acme)[0]
    revert_change(row=cast.acme, change_id=change.id)
    cast.acme.refresh_from_db()
    assert cast.acme.palette == ["#c81c26"]
    Brand.objects.filter(pk=cast.acme.pk).update(slug="not a slug")
    Brand.objects.filter(pk=cast.acme.pk).update(slug="acme")
    bad = changes_of(cast.acme)[0]
    with pytest.raises(InvalidAsset, match="no longer valid"):
        revert_change(row=cast.acme, change_id=bad.id)


def test_the_page_shows_who_and_undoes(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(title="Red bag")
    client = signed_in(cast.creator)
    edit = {
        "title": "Green <bag>",
        "kind": "product",
        "consent": "not_needed",
        "status": "approved",
    }
    assert client.post(f"/assets/{asset.pk}/edit/", edit).status_code == 302
    text = client.get(f"/assets/{asset.pk}/history/").content.decode()
    assert "creator" in text
    assert "<del>Red bag</del> → <ins>Green &lt;bag&gt;</ins>" in text
    change = changes_of(asset)[0]
    answer = client.post(f"/assets/{asset.pk}/history/undo/", {"change": change.id}, follow=True)
    assert "The change is undone." in answer.content.decode()
    asset.refresh_from_db()
    assert asset.title == "Red bag"
    assert changes_of(asset)[0].by == "creator"


def test_viewers_see_no_history(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset()
    client: Client = signed_in(cast.viewer)
    assert client.get(f"/assets/{asset.pk}/history/").status_code == 403
    assert "/history/" not in client.get(f"/assets/{asset.pk}/").content.decode()


def test_rest_lists_and_undoes_and_names_the_token_s_user(
    cast: Cast, make_asset: MakeAsset
) -> None:
    asset = make_asset(title="Red bag")
    client = client_of(cast, "creator")
    client.patch(f"/api/v1/assets/{asset.pk}/", {"title": "Green bag"}, format="json")
    path = f"/api/v1/assets/{asset.pk}/history/"
    latest = client.get(path).json()["results"][0]
    assert latest["by"] == "creator"
    assert latest["fields"] == [
        {"name": "title", "label": "Title", "before": "Red bag", "after": "Green bag"}
    ]
    answer = client.post(f"{path}undo/", {"change": latest["id"]}, format="json")
    assert answer.json()["results"][0]["fields"][0]["after"] == "Red bag"
    assert client.get(f"{path}?before=nonsense").status_code == 400


def test_the_admin_shows_changes_of_a_brand_and_its_members_and_undoes(cast: Cast) -> None:
    cast.staff.is_superuser = True
    cast.staff.save()
    client = signed_in(cast.staff)
    member = Membership.objects.get(user=cast.viewer)
    member.role = "creator"
    member.save()
    path = f"/admin/assetbank/brand/{cast.acme.pk}/history/"
    text = client.get(path).content.decode()
    assert "viewer in Acme: creator" in text
    change = changes_of(member)[0]
    row = f"assetbank.membership:{member.pk}"
    client.post(path, {"row": row, "change": change.id})
    member.refresh_from_db()
    assert member.role == "viewer"
    member.delete()
    assert "viewer in Acme: viewer, deleted" in client.get(path).content.decode()


def test_a_change_of_any_field_can_be_shown(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(title="Bag")
    values = {
        "custom": {"sku": "ORV-1", "seasons": ["ss26", "fw26"], "price": 12.5, "new": True},
        "territories": ["DE", "AT"],
        "captured_at": datetime.datetime(2019, 3, 14, 9, tzinfo=datetime.UTC),
        "expires_on": datetime.date(2031, 1, 2),
        "derivatives_allowed": False,
        "consent": "given",
        "rating": 4,
        "latitude": 52.5,
        "deleted_by_id": cast.manager.pk,
        "checksum": "0" * 64,
    }
    Asset.objects.filter(pk=asset.pk).update(**values)
    assert {each.name for each in changes_of(asset)[0].fields} == {
        name.removesuffix("_id") for name in values
    }
    text = signed_in(cast.creator).get(f"/assets/{asset.pk}/history/").content.decode()
    for part in ("sku: ORV-1", "seasons: ss26, fw26", "price: 12.5", "new: True"):
        assert part in text
    assert "<ins>DE, AT</ins>" in text
    assert "<del>yes</del> → <ins>no</ins>" in text
    assert "<ins>manager</ins>" in text
    assert "0" * 64 not in text
    Asset.objects.filter(pk=asset.pk).update(custom={}, territories=[], deleted_by=None)
    assert signed_in(cast.creator).get(f"/assets/{asset.pk}/history/").status_code == 200
    answer = client_of(cast, "creator").get(f"/api/v1/assets/{asset.pk}/history/")
    assert answer.json()["results"][0]["fields"][0]["name"] == "custom"


def test_undo_of_custom_values_and_of_the_date_keeps_the_offset(
    cast: Cast, make_asset: MakeAsset
) -> None:
    define_field(brand=cast.acme, by=cast.manager, label="SKU")
    zone = datetime.timezone(datetime.timedelta(hours=9))
    taken = datetime.datetime(2019, 3, 14, 9, tzinfo=zone)
    asset = make_asset(custom={"sku": "one"}, captured_at=taken)
    update_asset(asset=asset, custom={"sku": "two"}, captured_at=taken.astimezone(datetime.UTC))
    change = changes_of(asset)[0]
    undo_change(asset=asset, change_id=change.id, by=cast.creator)
    asset.refresh_from_db()
    assert (asset.custom, asset.captured_at, asset.captured_offset) == ({"sku": "one"}, taken, 540)


def test_the_admin_offers_undo_only_where_it_is_possible(cast: Cast, make_asset: MakeAsset) -> None:
    cast.staff.is_superuser = True
    cast.staff.save()
    client = signed_in(cast.staff)
    asset = make_asset(status="draft")
    update_asset(asset=asset, status="archived")
    page = f"/admin/assetbank/asset/{asset.pk}/history/"
    assert ">Undo</button>" not in client.get(page).content.decode()
    update_asset(asset=asset, credit="Anna")
    assert client.get(page).content.decode().count(">Undo</button>") == 1


def test_a_change_of_a_deleted_member_cannot_be_undone(cast: Cast) -> None:
    member = Membership.objects.select_related("user", "brand").get(user=cast.viewer)
    member.role = "creator"
    member.save()
    change = changes_of(member)[0]
    pk = member.pk
    member.delete()
    member.pk = pk
    with pytest.raises(InvalidAsset, match="was deleted"):
        revert_change(row=member, change_id=change.id)
