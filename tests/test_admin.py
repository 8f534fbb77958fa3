from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token

from assetbank import text
from assetbank.assets import collections, read_original, trash
from assetbank.models import Asset, Brand, Collection
from generation.models import Generation, Output
from generation.pipeline import run_generation, submit
from search.models import Embedding, QueryImage, VectorSpace
from tests.conftest import Cast, picture_bytes
from tests.generation.requests import answered
from tests.support.api import upload
from tests.support.checkpoints import save_small
from tests.support.trash import files_to_delete

MakeAsset = Callable[..., Asset]
ASSETS = "/admin/assetbank/asset/"


@pytest.fixture
def boss(cast: Cast, client: Client) -> Client:
    User.objects.filter(pk=cast.staff.pk).update(is_superuser=True)
    client.force_login(cast.staff)
    return client


def act(client: Client, where: str, name: str, rows: list[Any], **more: Any) -> Any:
    body = {"action": name, "_selected_action": [row.pk for row in rows], **more}
    return client.post(where, body, follow=True)


def said(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def ask_for(cast: Cast, **fields: Any) -> Generation:
    given = {"prompt": "A cape", "model": "sketch", "aspect_ratio": "1:1", **fields}
    return submit(person=cast.creator, brand=cast.acme, **given)


def waiting_jobs() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE '%index_waiting'"
        )
        return int(cursor.fetchone()[0])


@pytest.fixture(autouse=True)
def space(db: None) -> VectorSpace:
    """Return an active vector space; no test here loads its encoder."""
    return VectorSpace.objects.create(
        model="demo", source="s", fingerprint="f", dimension=4, active=True, is_demo=True
    )


@pytest.fixture
def everything(cast: Cast, make_asset: MakeAsset) -> None:
    """Create at least one row of every model that has an admin page."""
    asset = make_asset(tags=["cape"])
    collection = collections.create_collection(brand=cast.acme, name="Spring", by=cast.creator)
    collections.add_assets(collection=collection, assets=[asset])
    generation = ask_for(cast, references=[asset])
    run_generation(generation_id=generation.pk)
    QueryImage.objects.create(
        person=cast.viewer, fingerprint="f", vector_bytes=b"", thumbnail=b"webp"
    )
    Token.objects.create(user=cast.viewer)


# ------------------------------------------------------------------------ every page


@pytest.mark.slow
def test_every_page_of_every_model_opens(boss: Client, everything: None) -> None:
    opened = 0
    for model in admin.site._registry:
        where = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert boss.get(where).status_code == 200, where
        assert boss.get(where, {"q": "cape"}).status_code == 200, where
        assert boss.get(f"{where}add/").status_code in (200, 403), where
        row: Any = model._default_manager.first()
        if row is None:
            continue
        opened += 1
        key = row.user_id if model.__name__ == "TokenProxy" else row.pk
        assert boss.get(f"{where}{key}/change/").status_code == 200, where
    assert opened >= 10


def test_the_first_page_tells_how_every_part_is(
    boss: Client, make_asset: MakeAsset, milvus_down: None
) -> None:
    make_asset()
    Embedding.objects.update(state="failed", reason="Damaged.")
    page = boss.get("/admin/").content.decode()
    for part in ("Database", "Files", "Workers", "Vectors", "Encoder", "Index", "Engines"):
        assert f"{part}\n" in page
    assert "0 indexed, 0 waiting, 1 failed" in page
    assert ">unavailable<" in "".join(page.split())
    assert "/admin/assetbank/asset/" in page


def test_the_admin_is_for_staff(cast: Cast, client: Client) -> None:
    client.force_login(cast.manager)
    assert client.get(ASSETS).status_code == 302


@pytest.mark.parametrize(
    "where", [ASSETS, "/admin/search/embedding/", "/admin/assetbank/collection/"]
)
def test_lists_take_as_many_queries_for_twenty_as_for_one(
    where: str, boss: Client, cast: Cast, make_asset: MakeAsset
) -> None:
    counts = []
    for many in (1, 20):
        while Asset.objects.count() < many:
            make_asset(tags=["one", "two"])
            name = f"C{Asset.objects.count()}"
            collections.create_collection(brand=cast.acme, name=name, by=cast.creator)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert boss.get(where).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_the_list_of_generations_takes_as_many_queries_for_ten_as_for_one(
    boss: Client, cast: Cast
) -> None:
    counts = []
    for many in (1, 10):
        while Generation.objects.count() < many:
            made = ask_for(cast, prompt=f"Cape {Generation.objects.count()}")
            run_generation(generation_id=made.pk)
        with CaptureQueriesContext(connection) as captured:
            page = boss.get("/admin/generation/generation/").content.decode()
        counts.append(len(captured))
        assert page.count("/renditions/grid/") == many
    assert counts[0] == counts[1]


# ------------------------------------------------------------------------ assets


def words(**fields: Any) -> dict[str, Any]:
    return {"title": "", "description": "", "kind": "product", "status": "draft", **fields}


def test_assets_are_shown_as_pictures(boss: Client, make_asset: MakeAsset) -> None:
    asset = make_asset()
    assert asset.grid_url in boss.get(ASSETS).content.decode()
    page = boss.get(f"{ASSETS}{asset.pk}/change/").content.decode()
    assert asset.preview_url in page
    assert asset.original_url in page
    assert asset.checksum in page


def test_a_file_comes_in_through_intake(boss: Client, cast: Cast) -> None:
    body = words(upload=upload(), brand=cast.acme.pk, tags="cape, red", licence="CC0")
    answer = boss.post(f"{ASSETS}add/", body, follow=True)
    assert "added successfully" in said(answer)
    asset = Asset.objects.get()
    assert (asset.title, asset.created_by, asset.licence) == ("red cape", cast.staff, "CC0")
    assert sorted(asset.tags.names()) == ["cape", "red"]
    assert read_original(asset) == picture_bytes()
    assert Embedding.objects.get().asset_id == asset.pk


def test_refusals_and_duplicates_are_errors_of_the_form(
    boss: Client, cast: Cast, make_asset: MakeAsset, media: Path
) -> None:
    def add(data: bytes, **fields: Any) -> str:
        body = words(upload=upload(data), brand=cast.acme.pk, **fields)
        answer = boss.post(f"{ASSETS}add/", body)
        assert answer.status_code == 200
        return str(answer.context["errors"])

    assert "not a supported image" in add(b"no picture")
    assert "This file is empty" in add(b"")
    assert "A tag has more than" in add(picture_bytes(), tags="x" * 51)
    make_asset(file=picture_bytes(), title="the cape")
    assert "Acme already has this file: “the cape”" in add(picture_bytes())
    assert Asset.objects.count() == 1
    assert len([path for path in media.rglob("originals/*/*") if path.is_file()]) == 1


def test_edits_go_through_intake_and_the_file_stays(boss: Client, make_asset: MakeAsset) -> None:
    asset = make_asset(title="old", tags=["old"], status="draft")
    Embedding.objects.update(state="indexed")
    body = words(title="new", status="approved", tags="new, red", checksum="0" * 64, brand=9)
    answer = boss.post(f"{ASSETS}{asset.pk}/change/", body, follow=True)
    assert "changed successfully" in said(answer)
    changed = Asset.objects.get()
    assert (changed.title, changed.status) == ("new", "approved")
    assert sorted(changed.tags.names()) == ["new", "red"]
    assert (changed.checksum, changed.brand_id) == (asset.checksum, asset.brand_id)
    assert Embedding.objects.get().state == "pending"


def test_what_is_deleted_waits_in_the_trash(boss: Client, make_asset: MakeAsset) -> None:
    one, two, three, kept = (make_asset(title=f"{n} cape") for n in ("First", "2nd", "3rd", "4th"))
    asked = boss.get(f"{ASSETS}{one.pk}/delete/").content.decode()
    assert "The asset moves to the trash" in asked
    boss.post(f"{ASSETS}{one.pk}/delete/", {"post": "yes"})
    act(boss, ASSETS, "delete_selected", [two], post="yes")
    assert "1 moved to the trash" in said(act(boss, ASSETS, "move_to_trash", [three]))
    assert list(Asset.objects.all()) == [kept]
    assert set(Asset.all_objects.exclude(pk=kept.pk).values_list("deleted_by__username")) == {
        ("staff",)
    }
    assert "First cape" not in boss.get(ASSETS).content.decode()
    listed = boss.get(f"{ASSETS}?in_trash=1").content.decode()
    assert "First cape" in listed
    assert "4th cape" not in listed


def test_the_trash_is_restored_and_emptied(boss: Client, make_asset: MakeAsset) -> None:
    one, two = make_asset(title="Cape"), make_asset(title="Hat")
    trash.trash_assets(assets=[one, two], by=None)
    in_trash = f"{ASSETS}?in_trash=1"
    assert "1 restored" in said(act(boss, in_trash, "restore", [one]))
    assert Asset.objects.get() == one
    collection = Collection.objects.create(brand=two.brand, name="Hats")
    collections.add_assets(collection=collection, assets=[two])
    asked = act(boss, in_trash, "purge", [two]).content.decode()
    assert "They leave 1 collection." in asked
    assert Asset.all_objects.filter(pk=two.pk).exists()
    assert "1 deleted for good" in said(act(boss, in_trash, "purge", [two], sure="1"))
    assert not Asset.all_objects.filter(pk=two.pk).exists()
    assert Embedding.objects.get(asset_id=two.pk).state == "removing"
    assert two.path in files_to_delete()


def test_many_are_approved_and_archived(boss: Client, make_asset: MakeAsset) -> None:
    one, two = make_asset(status="draft"), make_asset(status="draft")
    Embedding.objects.update(state="indexed")
    assert "2 approved" in said(act(boss, ASSETS, "approve", [one, two]))
    assert set(Asset.objects.values_list("status", flat=True)) == {"approved"}
    assert set(Embedding.objects.values_list("state", flat=True)) == {"pending"}
    act(boss, ASSETS, "archive", [two])
    assert Asset.objects.get(status="archived") == two


def test_a_tag_is_added_to_many(boss: Client, make_asset: MakeAsset) -> None:
    one, two = make_asset(tags=["old"]), make_asset()
    asked = act(boss, ASSETS, "add_tag", [one, two])
    assert "The tag is added to 2 assets" in asked.content.decode()
    assert one.grid_url in asked.content.decode()
    assert "2 tagged “gold trim”" in said(act(boss, ASSETS, "add_tag", [one, two], tag="gold trim"))
    assert sorted(one.tags.names()) == ["gold trim", "old"]
    assert list(two.tags.names()) == ["gold trim"]
    full = make_asset(tags=[f"t{n}" for n in range(text.MAX_TAGS)])
    answer = act(boss, ASSETS, "add_tag", [full, two], tag="more")
    assert "at most 64 tags" in said(answer)
    assert "1 tagged “more”" in said(answer)


def test_assets_are_indexed_and_embedded_again(boss: Client, make_asset: MakeAsset) -> None:
    one, two, three = make_asset(), make_asset(), make_asset()
    Embedding.objects.update(state="indexed", vector_bytes=b"1234")
    Embedding.objects.filter(asset=three).update(state="failed", reason="Damaged.")
    before = waiting_jobs()
    assert "1 waiting" in said(act(boss, ASSETS, "index_again", [one]))
    assert "1 waiting" in said(act(boss, ASSETS, "embed_again", [two]))
    assert "1 waiting" in said(act(boss, ASSETS, "retry_failed", [one, two, three]))
    assert waiting_jobs() == before + 3
    assert set(Embedding.objects.values_list("state", flat=True)) == {"pending"}
    assert Embedding.objects.get(asset=one).vector_bytes
    assert Embedding.objects.get(asset=two).vector_bytes is None


def test_assets_are_filtered_by_how_they_are_in_the_encoder_in_use(
    boss: Client, make_asset: MakeAsset, space: VectorSpace
) -> None:
    failed, found, new = make_asset(title="aa"), make_asset(title="bb"), make_asset(title="cc")
    other = VectorSpace.objects.create(model="other")
    Embedding.objects.create(asset=found, space=other, state="failed")
    for asset, state in ((failed, "failed"), (found, "indexed")):
        Embedding.objects.filter(asset=asset, space=space).update(state=state, reason="Damaged.")
    Embedding.objects.filter(asset=new).delete()

    def shown(state: str) -> list[Asset]:
        return list(boss.get(ASSETS, {"index_state": state}).context["cl"].result_list)

    assert shown("failed") == [failed]
    assert shown("indexed") == [found]
    assert shown("pending") == [new]
    assert "Damaged." in boss.get(f"{ASSETS}{failed.pk}/change/").content.decode()


# ------------------------------------------------------------------------ the encoder

SPACES = "/admin/search/vectorspace/"
CONFIRMED = {"_form_submitted": "True"}


def test_another_encoder_is_asked_for_and_shows_how_far_it_is(
    boss: Client, make_asset: MakeAsset
) -> None:
    make_asset()
    answer = boss.post(f"{SPACES}switch/", {**CONFIRMED, "model": "demo"})
    assert "demo is already the active encoder" in said(boss.get(answer["HX-Redirect"]))
    assert "This field is required" in boss.post(f"{SPACES}switch/", CONFIRMED).content.decode()
    answer = boss.post(f"{SPACES}switch/", {**CONFIRMED, "model": "/models/new"})
    new = VectorSpace.objects.get(active=False)
    where = f"{SPACES}{new.pk}/change/"
    assert answer["HX-Redirect"] == where
    page = boss.get(where).content.decode()
    assert "The index worker has not loaded it yet." in page
    assert 'hx-trigger="every 3s"' in page
    VectorSpace.objects.filter(pk=new.pk).update(fingerprint="g", dimension=4)
    make_asset()
    Embedding.objects.filter(space=new).update(state="indexed")
    page = boss.get(where).content.decode()
    assert "1 of 1 assets: 1 indexed" in page
    assert "every 3s" in page  # the comparison has not run yet
    gate = {"passes": True, "questions": 0, "of": 1, "covered": 1}
    VectorSpace.objects.filter(pk=new.pk).update(gate=gate)
    page = boss.get(where).content.decode()
    assert "Its results are at least as good." in page
    assert "every 3s" not in page
    VectorSpace.objects.filter(pk=new.pk).update(fingerprint=None, problem="No such folder.")
    assert "No such folder." in boss.get(where).content.decode()
    assert "No such folder." in boss.get("/admin/").content.decode()


def test_the_comparison_is_shown_side_by_side(boss: Client) -> None:
    def result(ndcg: float) -> dict[str, Any]:
        rows = [{"question": "q=teapot", "brand": "Acme", "ndcg": ndcg, "recall": 1.0}]
        return {"ndcg": ndcg, "recall": 1.0, "mrr": 1.0, "rows": rows}

    new = VectorSpace.objects.create(model="new", fingerprint="g")
    lost = {"asset_id": 7, "asset__title": "A cape", "state": "failed", "reason": "Damaged."}
    new.gate = {
        "passes": False,
        "why": ["nDCG@10 falls from 0.900 to 0.123."],
        "notes": [],
        "against": "demo",
        "questions": 1,
        "of": 31,
        "covered": 30,
        "lacking": [lost],
        "old": result(0.9),
        "new": result(0.123),
    }
    new.save()
    page = boss.get(f"{SPACES}{new.pk}/change/").content.decode()
    for part in ("falls from", "0.900", "0.123", "Acme: teapot", "31", "A cape", "Damaged."):
        assert part in page


def test_encoders_take_over_go_back_and_are_dropped_after_a_question(
    boss: Client, make_asset: MakeAsset, index: Callable[[], int], tmp_path: Path
) -> None:
    VectorSpace.objects.all().delete()
    make_asset()
    index()
    new = VectorSpace.objects.create(model=str(save_small(tmp_path)))
    index()

    def press(space: VectorSpace, name: str) -> str:
        assert "HX-Redirect" not in boss.get(f"{SPACES}{space.pk}/{name}/")  # only the confirmation
        return said(boss.get(boss.post(f"{SPACES}{space.pk}/{name}/", CONFIRMED)["HX-Redirect"]))

    assert "is active now" in press(new, "take_over")
    assert VectorSpace.objects.get(active=True) == new
    assert "is active: activate another" in press(new, "drop")
    assert "active again" in press(new, "roll_back")
    assert "is deleted" in press(new, "drop")
    assert VectorSpace.objects.get().model == "demo"
    for name in ("take_over", "drop"):  # another user was faster
        answer = boss.post(f"{SPACES}{new.pk}/{name}/", CONFIRMED)
        assert "was deleted in the meantime" in said(boss.get(answer["HX-Redirect"]))


def test_only_who_may_changes_the_encoder(cast: Cast, client: Client) -> None:
    client.force_login(cast.staff)
    assert client.post(f"{SPACES}switch/", {**CONFIRMED, "model": "new"}).status_code == 403
    assert not VectorSpace.objects.filter(active=False).exists()


# ------------------------------------------------------------------------ the rest


def test_failed_embeddings_say_why_and_are_retried(boss: Client, make_asset: MakeAsset) -> None:
    where = "/admin/search/embedding/"
    for _ in range(3):
        make_asset()
    Embedding.objects.update(state="failed", reason="This image is damaged.")
    one, *_ = Embedding.objects.all()
    assert "This image is damaged." in boss.get(where, {"state__exact": "failed"}).content.decode()
    boss.get(f"{where}{one.pk}/again/")  # only the confirmation
    assert not Embedding.objects.filter(state="pending").exists()
    boss.post(f"{where}{one.pk}/again/", {"_form_submitted": "True"})
    assert Embedding.objects.filter(state="pending").count() == 1
    answer = boss.post(f"{where}retry_all/", {"_form_submitted": "True"})
    assert answer["HX-Redirect"] == where
    assert "2 waiting" in said(boss.get(where))


def test_an_embedding_that_outlives_its_asset_is_shown(boss: Client, make_asset: MakeAsset) -> None:
    make_asset().delete()
    page = boss.get("/admin/search/embedding/").content.decode()
    assert "Being removed" in page


def test_generations_are_retried_and_cancelled(boss: Client, cast: Cast) -> None:
    where = "/admin/generation/generation/"
    one, two = ask_for(cast), ask_for(cast)
    assert "1 stopped" in said(act(boss, where, "cancel", [one]))
    assert "1 queued again" in said(act(boss, where, "retry", [one]))
    assert "Only failed" in said(act(boss, where, "retry", [two]))
    boss.post(f"{where}{two.pk}/cancel_this/", {"_form_submitted": "True"})
    two.refresh_from_db()
    assert two.state == "cancelled"
    assert boss.post(f"{where}{two.pk}/change/", {"prompt": "other"}).status_code == 403


def test_what_the_library_did_not_take_can_be_looked_at(boss: Client, cast: Cast) -> None:
    take = answered(ask_for(cast))
    output = Output.objects.create(
        generation=take.generation, take=take, position=0, data=b"<html>", mime="image/png"
    )
    answer = boss.get(f"/admin/generation/output/{output.pk}/bytes/")
    assert answer.content == b"<html>"
    assert answer["Content-Disposition"].startswith("attachment")


def test_a_brand_is_made_with_its_members(boss: Client, cast: Cast) -> None:
    body = {
        "name": "New",
        "slug": "new",
        "palette": '["#112233"]',
        "style": "",
        "search_generated": "approved",
        "gps_policy": "strip",
        "replacement_policy": "ask_again",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-user": cast.viewer.pk,
        "memberships-0-role": "creator",
    }
    boss.post("/admin/assetbank/brand/add/", body)
    assert Brand.objects.get(slug="new").memberships.get().role == "creator"


def test_a_collection_holds_its_brands_assets_in_order(
    boss: Client, cast: Cast, make_asset: MakeAsset
) -> None:
    one, two, foreign = make_asset(), make_asset(), make_asset(brand=cast.other)

    def add(*assets: Asset) -> Any:
        body: dict[str, Any] = {
            "name": "Spring",
            "brand": cast.acme.pk,
            "items-TOTAL_FORMS": len(assets),
            "items-INITIAL_FORMS": 0,
        }
        for n, asset in enumerate(assets):
            body |= {f"items-{n}-asset": asset.pk, f"items-{n}-position": len(assets) - n}
        return boss.post("/admin/assetbank/collection/add/", body)

    assert "belongs to another brand" in add(foreign).content.decode()
    assert add(one, two).status_code == 302
    collection = Collection.objects.get()
    assert [item.asset for item in collection.items.all()] == [two, one]
    assert collection.created_by == cast.staff


def test_people_are_made_here(boss: Client) -> None:
    body = {
        "username": "newcomer",
        "usable_password": "true",
        "password1": "a-long-secret-9",
        "password2": "a-long-secret-9",
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
    }
    boss.post("/admin/auth/user/add/", body)
    assert User.objects.get(username="newcomer").check_password("a-long-secret-9")
