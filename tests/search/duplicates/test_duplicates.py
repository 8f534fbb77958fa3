"""Duplicates: detected by hash and CLIP together, grouped, dismissed; pages and API."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from assetbank.assets import backfill_features, merge, update_asset
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec
from assetbank.models import Asset, Brand, Collection, Membership
from search import tasks
from search.duplicates import detect, dismissals
from search.duplicates import groups as duplicate_groups
from search.evaluation import rollout
from search.models import Comparison, DuplicateDismissal, DuplicatePair, Embedding, VectorSpace
from tests.conftest import Cast, picture_bytes
from tests.search.duplicates.copies import cropped, greyed, recompressed, resized
from tests.support.api import Row, client_of, statuses, upload
from tests.support.processes import end_other_sessions
from tests.support.trash import delete_asset

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


@cache
def drawn(ware: str, seed: int = 1) -> Image.Image:
    return render(Spec(ware, "red", scene="city", seed=seed), 400, 1)


def file_of(picture: Image.Image, fmt: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, fmt)
    return buffer.getvalue()


def copy_of(ware: str, change: Callable[[Image.Image, random.Random], Image.Image]) -> bytes:
    return file_of(change(drawn(ware), random.Random(1)))


@pytest.fixture
def boots(make_asset: MakeAsset) -> list[Asset]:
    """An asset, and three copies of it: smaller, compressed, and grey."""
    files = [file_of(drawn("boot")), *(copy_of("boot", c) for c in (resized, recompressed, greyed))]
    names = ("Boot", "Small boot", "Rough boot", "Grey boot")
    return [make_asset(file=file, title=name) for file, name in zip(files, names, strict=True)]


def titles() -> list[list[str]]:
    """Return the titles of every group in alphabetical order."""
    groups = duplicate_groups.page(Brand.objects.all()).groups
    return sorted(sorted(asset.title for asset in group.assets) for group in groups)


def related(first: Asset, second: Asset, score: float = 0.9) -> DuplicatePair:
    """Store the two as a pair, as if they had been detected."""
    first, second = sorted((first, second), key=lambda asset: asset.pk)
    return DuplicatePair.objects.create(
        brand_id=first.brand_id, first=first, second=second, score=score
    )


def signed_in(cast: Cast, name: str) -> Client:
    client = Client()
    client.force_login(getattr(cast, name))
    return client


class TestFinding:
    def test_copies_are_grouped_and_other_pictures_are_not(
        self, boots: list[Asset], make_asset: MakeAsset, index: Index
    ) -> None:
        make_asset(file=file_of(drawn("teapot")), title="Teapot")
        make_asset(file=copy_of("teapot", cropped), title="Teapot, nearer")
        make_asset(file=file_of(drawn("boot", seed=2)), title="Boot, drawn again")
        make_asset(file=file_of(drawn("guitar")), title="Guitar")
        index()
        assert detect.detect() == 8
        assert titles() == [
            ["Boot", "Grey boot", "Rough boot", "Small boot"],
            ["Teapot", "Teapot, nearer"],
        ]
        for pair in DuplicatePair.objects.all():
            assert pair.first_id < pair.second_id

    def test_what_is_new_is_compared_with_what_was_there_and_nothing_twice(
        self, make_asset: MakeAsset, index: Index
    ) -> None:
        make_asset(file=file_of(drawn("sofa")), title="Sofa")
        index()
        assert (detect.detect(), detect.detect(), titles()) == (1, 0, [])
        make_asset(file=copy_of("sofa", resized), title="Small sofa")
        index()
        assert (detect.detect(), titles()) == (1, [["Small sofa", "Sofa"]])

    def test_another_brand_and_the_archive_are_left_alone(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        make_asset(file=file_of(drawn("dress")), title="Dress")
        make_asset(file=copy_of("dress", resized), brand=cast.other, by=cast.outsider)
        old = make_asset(file=copy_of("dress", greyed), title="Old dress", status="archived")
        index()
        assert (detect.detect(), titles()) == (2, [])
        update_asset(asset=old, status="approved", deciding=True)
        index()
        assert (detect.detect(), titles()) == (1, [["Dress", "Old dress"]])

    def test_what_came_while_a_copy_was_archived_is_found_when_that_is_back(
        self, make_asset: MakeAsset, index: Index
    ) -> None:
        old = make_asset(file=file_of(drawn("camera")), title="Camera")
        index()
        detect.detect()
        update_asset(asset=old, status="archived")
        make_asset(file=copy_of("camera", resized), title="New camera")
        index()
        detect.detect()
        update_asset(asset=old, status="approved", deciding=True)
        index()
        detect.detect()
        assert titles() == [["Camera", "New camera"]]

    def test_what_waits_for_its_vector_or_its_hash_is_compared_after_that(
        self, boots: list[Asset], index: Index
    ) -> None:
        assert detect.detect() == 0
        index()
        Asset.objects.filter(pk=boots[0].pk).update(colours=None, perceptual_hash=None)
        assert detect.detect() == 3
        backfill_features()
        index()
        assert detect.detect() == 1
        assert len(titles()[0]) == 4

    def test_what_is_left_out_of_the_index_is_compared_by_its_hash(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        cast.acme.search_generated = Brand.SearchGenerated.NONE
        cast.acme.save()
        make_asset(file=file_of(drawn("boot")), title="Boot", origin="generated")
        make_asset(file=copy_of("boot", recompressed), title="Copy", origin="generated")
        index()
        assert set(Embedding.objects.values_list("state", flat=True)) == {"skipped"}
        detect.detect()
        assert titles() == [["Boot", "Copy"]]

    def test_a_run_that_ends_anywhere_goes_on_where_it_was(
        self, boots: list[Asset], index: Index
    ) -> None:
        index()

        def killed(done: int) -> None:
            raise KeyboardInterrupt

        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                detect.detect(after=killed)
        assert Comparison.objects.count() == 2
        assert detect.detect() == 2
        pairs = DuplicatePair.objects.count()
        assert [len(group) for group in titles()] == [4]
        detect.forget_comparisons()
        assert detect.detect() == 4
        assert DuplicatePair.objects.count() == pairs

    def test_it_stops_when_it_is_told_to(self, boots: list[Asset], index: Index) -> None:
        index()
        assert detect.detect(stop=lambda: Comparison.objects.count() >= 3) == 3

    def test_nobody_compares_while_pictures_wait_for_the_index(
        self, boots: list[Asset], make_asset: MakeAsset, index: Index
    ) -> None:
        index()
        waiting = make_asset()
        tasks.find_duplicates(timestamp=0)
        assert not Comparison.objects.exists()
        delete_asset(asset=waiting)
        tasks.index_waiting()
        tasks.find_duplicates(timestamp=0)
        assert Comparison.objects.count() == 4

    def test_a_picture_that_cannot_be_read_holds_up_nobody_and_is_tried_again_later(
        self, boots: list[Asset], index: Index
    ) -> None:
        index()
        lost = boots[1]
        for path in (lost.path, *map(lost.rendition_path, ("grid", "preview"))):
            default_storage.delete(path)
        assert detect.detect() == 4
        assert titles() == [["Boot", "Grey boot", "Rough boot"]]
        assert detect.detect() == 0
        default_storage.save(lost.path, io.BytesIO(copy_of("boot", resized)))
        Comparison.objects.update(compared_at=timezone.now() - 2 * detect.RETRY_AFTER)
        detect.detect()
        assert len(titles()[0]) == 4

    def test_an_encoder_change_asks_for_nothing_again(
        self, boots: list[Asset], index: Index, twin: Path
    ) -> None:
        index()
        detect.detect()
        before = titles()
        rollout.start_rollout(str(twin))
        index()
        rollout.advance_rollouts()
        assert VectorSpace.objects.get(active=True).model == str(twin)
        assert detect.detect() == 0
        assert titles() == before

    def test_milvus_being_down_loses_nothing(
        self, boots: list[Asset], index: Index, request: pytest.FixtureRequest
    ) -> None:
        index()
        request.getfixturevalue("milvus_down")
        tasks.find_duplicates(timestamp=0)
        assert not Comparison.objects.exists()

    def test_the_command_compares_and_compares_again(
        self, boots: list[Asset], index: Index, capsys: pytest.CaptureFixture[str]
    ) -> None:
        index()
        for options, compared in (([], 4), ([], 0), (["--again", "--brand=acme"], 4)):
            call_command("find_duplicates", *options)
            assert f"{compared} compared; 1 group." in capsys.readouterr().out


class TestVerdicts:
    def test_it_is_remembered_for_the_bytes_whatever_becomes_of_asset_and_index(
        self, cast: Cast, boots: list[Asset], make_asset: MakeAsset, index: Index
    ) -> None:
        grey = boots[3]
        index()
        detect.detect()
        dismissals.dismiss(boots, one=grey, by=cast.creator)
        others = ["Boot", "Rough boot", "Small boot"]
        assert titles() == [others]
        delete_asset(asset=grey)
        again = make_asset(file=copy_of("boot", greyed), title="Grey again")
        assert again.checksum == grey.checksum
        index()
        detect.forget_comparisons()
        detect.detect()
        assert titles() == [others]
        assert not DuplicatePair.objects.filter(second=again).exists()

    def test_what_was_said_can_be_taken_back_by_who_said_it(
        self, cast: Cast, boots: list[Asset], index: Index
    ) -> None:
        said = dismissals.dismiss(boots, by=cast.creator)
        assert len(said) == 6
        assert dismissals.dismiss(boots, by=cast.manager) == []
        index()
        detect.detect()
        assert titles() == []
        assert dismissals.undo_dismissal(said, by=cast.manager) == 0
        assert dismissals.undo_dismissal(said, by=cast.creator) == 6
        detect.detect()
        assert len(titles()[0]) == 4


class TestGroups:
    def test_who_looks_like_both_goes_with_the_likelier_of_two_that_differ(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        a, b, c, d = (make_asset(title=name) for name in "ABCD")
        related(a, b, 0.95)
        related(b, c, 0.85)
        assert titles() == [["A", "B", "C"]]
        dismissals.dismiss([a, c], by=cast.creator)
        assert titles() == [["A", "B"]]
        related(c, d)
        assert titles() == [["A", "B"], ["C", "D"]]
        merge.merge_assets(keep=b, others=[a], by=cast.manager)
        assert titles() == [["B", "C", "D"]]

    @pytest.mark.parametrize(
        ("better", "reason"),
        [
            ({"width": 900}, "Largest: 900 \N{MULTIPLICATION SIGN} 60"),
            ({"licence": "Ours"}, "Licence recorded"),
            ({"status": "approved"}, "Approved"),
            ({"bytes": 10**6}, "Largest file: 976.6"),
            ({}, "Added first"),
        ],
    )
    def test_the_best_copy_comes_first_and_says_why(
        self, make_asset: MakeAsset, better: dict[str, object], reason: str
    ) -> None:
        first, second = make_asset(status="draft"), make_asset(status="draft")
        Asset.objects.update(bytes=100)
        best = second if better else first
        Asset.objects.filter(pk=best.pk).update(**better)
        related(first, second)
        (group,) = duplicate_groups.page(Brand.objects.all()).groups
        assert (group.best, group.reason.startswith(reason)) == (best, True), group.reason

    def test_expired_rights_come_after_unknown_ones(self, make_asset: MakeAsset) -> None:
        expired, unknown = make_asset(licence="Ours"), make_asset()
        Asset.objects.filter(pk=expired.pk).update(expires_on="2020-01-01")
        related(expired, unknown)
        (group,) = duplicate_groups.page(Brand.objects.all()).groups
        assert (group.best, group.reason) == (unknown, "Usage rights valid")

    def test_pages_have_no_gaps_while_groups_are_merged(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        pairs = [(make_asset(), make_asset()) for _ in range(5)]
        for pair in pairs:
            related(*pair)
        brands = Brand.objects.all()
        first = duplicate_groups.page(brands, limit=2)
        assert (first.total, len(first.groups)) == (5, 2)
        merge.merge_assets(keep=pairs[4][0], others=[pairs[4][1]], by=cast.manager)
        second = duplicate_groups.page(brands, before=first.next, limit=2)
        third = duplicate_groups.page(brands, before=second.next, limit=2)
        seen = [set(group.assets) for page in (first, second, third) for group in page.groups]
        assert seen == [set(pair) for pair in reversed(pairs)]
        assert third.next is None


class TestPages:
    def test_members_look_and_others_do_not(self, cast: Cast, make_asset: MakeAsset) -> None:
        first, second = make_asset(title="One"), make_asset(title="Two")
        related(first, second)
        for name in ("viewer", "creator", "manager", "staff"):
            page = signed_in(cast, name).get("/duplicates/").content.decode()
            assert "One" in page
            assert ("Merge…" in page) == (name in ("manager", "staff"))
            assert (">Not a duplicate<" in page) == (name != "viewer")
        client = signed_in(cast, "outsider")
        assert "No duplicates" in client.get("/duplicates/").content.decode()
        assert "No duplicates" in client.get("/duplicates/?brand=acme").content.decode()
        both = f"asset={first.pk}&asset={second.pk}"
        assert client.get(f"/duplicates/?asset={first.pk}").status_code == 404
        assert client.get(f"/duplicates/compare/?{both}").status_code == 404
        assert client.get(f"/assets/{first.pk}/duplicates/").status_code == 404
        assert client.get("/duplicates/count/").content == b""

    def test_merging_asks_first_says_what_moves_and_can_be_undone_as_far_as_it_says(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        keep, other = make_asset(title="Keep"), make_asset(title="Copy", tags=["silk"])
        collection = Collection.objects.create(brand=cast.acme, name="Launch")
        collection.assets.add(other)
        related(keep, other)
        client = signed_in(cast, "manager")
        body = {"keep": keep.pk, "asset": [keep.pk, other.pk]}
        asked = client.post("/duplicates/merge/", body).content.decode()
        assert "Keep “Keep” and archive 1 other?" in asked
        assert "It replaces “Copy” in 1 collection." in asked
        assert f"/assets/{other.pk}/made-with/?merged=1" in asked
        assert Asset.objects.get(pk=other.pk).status == "approved"
        done = client.post("/duplicates/merge/", body | {"sure": "1"}, follow=True)
        assert "tags, collections and everything else that was moved stay" in done.content.decode()
        assert Asset.objects.get(pk=other.pk).status == "archived"
        assert titles() == []
        undone = client.post("/duplicates/undo/", follow=True)
        assert Asset.objects.get(pk=other.pk).status == "approved"
        assert "Keep" in undone.content.decode()
        assert list(collection.assets.all()) == [keep]

    def test_merging_warns_of_what_nobody_could_see_or_use_then(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        one = make_asset(status="draft", territories=["DE"])
        other = make_asset(territories=["FR"])
        client = signed_in(cast, "manager")
        for keep, hides in ((one, True), (other, False)):
            body = {"keep": keep.pk, "asset": [one.pk, other.pk]}
            asked = client.post("/duplicates/merge/", body).content.decode()
            assert "it will not be usable anywhere" in asked
            assert ("cannot see any of these assets until it is approved" in asked) == hides

    def test_one_picture_is_said_to_be_different_and_that_is_undone(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        assets = [make_asset(title=name) for name in "ABC"]
        related(assets[0], assets[1])
        related(assets[1], assets[2])
        client = signed_in(cast, "creator")
        body = {"asset": [asset.pk for asset in assets], "one": assets[2].pk}
        page = client.post("/duplicates/not-the-same/", body, follow=True).content.decode()
        assert "“C” is marked as not a duplicate of the others." in page
        assert titles() == [["A", "B"]]
        client.post("/duplicates/undo/")
        assert titles() == [["A", "B", "C"]]
        assert not DuplicateDismissal.objects.exists()

    def test_what_somebody_said_is_found_beside_the_picture_and_taken_back_later(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        one, other = make_asset(title="A"), make_asset(title="B")
        related(one, other)
        dismissals.dismiss([one, other], by=cast.manager)
        client = signed_in(cast, "creator")
        said = client.get(f"/assets/{other.pk}/duplicates/").content.decode()
        assert "It is marked as not a duplicate of 1 other asset." in said
        page = client.get(f"/duplicates/?asset={other.pk}").content.decode()
        assert "Undo" in page
        assert f'href="/assets/{one.pk}/"' in page
        viewers = signed_in(cast, "viewer").get(f"/duplicates/?asset={other.pk}").content.decode()
        assert "Undo" not in viewers
        body = {"asset": [other.pk, one.pk]}
        page = client.post("/duplicates/the-same/", body, follow=True).content.decode()
        assert "Undone" in page
        assert titles() == [["A", "B"]]
        assert not DuplicateDismissal.objects.exists()

    def test_who_may_not_is_told_so(self, cast: Cast, make_asset: MakeAsset) -> None:
        first, second = make_asset(), make_asset()
        both = {"asset": [first.pk, second.pk], "keep": first.pk, "sure": "1"}
        for name, where, status in (
            ("creator", "merge", 403),
            ("viewer", "not-the-same", 403),
            ("outsider", "merge", 404),
            ("outsider", "not-the-same", 404),
        ):
            answer = signed_in(cast, name).post(f"/duplicates/{where}/", both)
            assert answer.status_code == status
        many = {"asset": list(range(1, 102))}
        assert signed_in(cast, "staff").post("/duplicates/not-the-same/", many).status_code == 400
        assert not DuplicateDismissal.objects.exists()
        assert not Asset.objects.filter(status="archived").exists()

    def test_an_undo_cannot_reach_what_one_may_not_manage_any_more(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        keep, other = make_asset(), make_asset()
        client = signed_in(cast, "manager")
        client.post(
            "/duplicates/merge/", {"keep": keep.pk, "asset": [keep.pk, other.pk], "sure": 1}
        )
        Membership.objects.filter(user=cast.manager).update(role="creator")
        assert client.post("/duplicates/undo/").status_code == 403
        assert Asset.objects.get(pk=other.pk).status == "archived"

    def test_an_asset_says_what_looks_like_it(self, cast: Cast, make_asset: MakeAsset) -> None:
        first, second, lonely = make_asset(), make_asset(), make_asset()
        related(first, second)
        client = signed_in(cast, "viewer")
        told = client.get(f"/assets/{second.pk}/duplicates/").content.decode()
        assert "This asset has 1 possible duplicate." in re.sub(r"<[^>]*>", "", told)
        (link,) = re.findall(r'href="(/dup[^"]+)"', told)
        assert first.title in client.get(link).content.decode()
        assert client.get(f"/assets/{lonely.pk}/duplicates/").content == b""
        assert ">1<" in client.get("/duplicates/count/").content.decode()

    def test_two_are_shown_side_by_side(self, cast: Cast, make_asset: MakeAsset) -> None:
        first, second = make_asset(), make_asset()
        client = signed_in(cast, "viewer")
        page = client.get(f"/duplicates/compare/?asset={first.pk}&asset={second.pk}")
        assert page.content.decode().count("/preview/") == 4
        assert client.get(f"/duplicates/compare/?asset={first.pk}").status_code == 400

    def test_a_page_costs_as_many_queries_for_many_groups_as_for_one(
        self,
        cast: Cast,
        make_asset: MakeAsset,
        django_assert_max_num_queries: DjangoAssertNumQueries,
    ) -> None:
        for _ in range(8):
            related(make_asset(tags=["a", "b"]), make_asset(licence="Ours"))
        client = signed_in(cast, "manager")
        client.get("/duplicates/")
        with django_assert_max_num_queries(15):
            page = client.get("/duplicates/").content.decode()
        assert "8 groups" in page


class TestApi:
    def test_groups_are_listed_page_by_page(self, cast: Cast, make_asset: MakeAsset) -> None:
        pairs = [(make_asset(licence="Ours"), make_asset()) for _ in range(3)]
        for pair in pairs:
            related(*pair)
        client = client_of(cast, "viewer")
        first = client.get("/api/v1/duplicates/?brand=acme&limit=2").json()
        assert (first["total"], len(first["results"])) == (3, 2)
        second = client.get(first["next"]).json()
        assert second["next"] is None
        (group,) = second["results"]
        assert [asset["id"] for asset in group["assets"]] == [asset.pk for asset in pairs[0]]
        assert (group["brand"], group["best"]) == ("acme", pairs[0][0].pk)
        assert (group["reason"], group["size"]) == ("Licence recorded", 2)
        for wrong in ("brand=other", "cursor=x", "limit=0"):
            answer = client.get(f"/api/v1/duplicates/?{wrong}")
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    def test_merging_and_telling_apart(self, cast: Cast, make_asset: MakeAsset) -> None:
        keep, other, third = make_asset(), make_asset(tags=["silk"]), make_asset()
        client = client_of(cast, "manager")
        body = {"keep": keep.pk, "others": [other.pk]}
        merged = client.post("/api/v1/duplicates/merge/", body, format="json").json()
        assert (merged["kept"]["tags"], merged["archived"]) == (["silk"], [other.pk])
        body = {"assets": [keep.pk, third.pk]}
        for said in (1, 0):
            told = client.post("/api/v1/duplicates/not-the-same/", body, format="json")
            assert told.json() == {"told_apart": said}

    @pytest.mark.parametrize(
        "row",
        [
            Row("get", "/api/v1/duplicates/", (401, 200, 200, 200, 200, 200)),
            Row(
                "post",
                "/api/v1/duplicates/merge/",
                (401, 400, 403, 403, 200, 200),
                {"keep": "{one}", "others": lambda: [Asset.objects.latest("pk").pk]},
            ),
            Row(
                "post",
                "/api/v1/duplicates/not-the-same/",
                (401, 400, 403, 200, 200, 200),
                {"assets": lambda: list(Asset.objects.values_list("pk", flat=True))},
            ),
        ],
        ids=str,
    )
    def test_who_may_do_what(self, cast: Cast, make_asset: MakeAsset, row: Row) -> None:
        one, _ = make_asset(), make_asset()
        assert statuses(cast, row, one=one.pk) == row.statuses

    def test_what_makes_no_sense_is_refused_in_a_sentence(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        one, foreign = make_asset(), make_asset(brand=cast.other, by=cast.outsider)
        client = client_of(cast, "staff")
        for path, body in (
            ("merge", {"keep": one.pk, "others": []}),
            ("merge", {"keep": one.pk, "others": [one.pk]}),
            ("merge", {"keep": one.pk, "others": [foreign.pk]}),
            ("merge", {"keep": one.pk, "others": [10**15]}),
            ("not-the-same", {"assets": [one.pk]}),
            ("not-the-same", {"assets": [one.pk, foreign.pk]}),
            ("not-the-same", {"assets": "x"}),
        ):
            answer = client.post(f"/api/v1/duplicates/{path}/", body, format="json")
            assert answer.status_code == 400, body
            assert set(answer.json()) == {"code", "detail", "errors"}


class TestAtUpload:
    """Uploads name existing assets with the same bytes before a second copy is stored."""

    def post(self, cast: Cast, name: str, brand: Brand) -> Any:
        body = {"brand": brand.slug, "file": upload()}
        return signed_in(cast, name).post("/upload/", body, headers={"Accept": "application/json"})

    @pytest.mark.parametrize("aside", ["archived", "quarantined"])
    def test_what_no_search_shows_is_said_to_be_put_aside(
        self, cast: Cast, make_asset: MakeAsset, aside: str
    ) -> None:
        there = make_asset(file=picture_bytes(), title="Cape", status=aside)
        told = self.post(cast, "creator", cast.acme).json()
        assert (told["outcome"], told["title"], told["aside"]) == ("duplicate", "Cape", aside)
        body = {"brand": "acme", "file": upload()}
        answer = client_of(cast, "creator").post("/api/v1/assets/", body, format="multipart")
        assert (answer.status_code, answer.headers["Duplicate"]) == (200, "true")
        assert (answer.json()["id"], answer.json()["status"]) == (there.pk, aside)
        page = signed_in(cast, "creator").post(
            "/upload/", {"brand": "acme", "file": upload()}, follow=True
        )
        assert f'<a href="/assets/{there.pk}/">Cape</a>, {aside}.' in page.content.decode()
        assert Asset.objects.count() == 1

    def test_other_brands_are_named_to_those_who_see_them(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        make_asset(file=picture_bytes(), brand=cast.other, by=cast.outsider)
        assert "also_in" not in self.post(cast, "creator", cast.acme).json()
        assert self.post(cast, "staff", cast.acme).json()["also_in"] == ["Other"]
        Membership.objects.create(brand=cast.other, user=cast.creator, role="viewer")
        assert self.post(cast, "creator", cast.acme).json()["also_in"] == ["Other"]
        for name, named in (("creator", "other"), ("manager", None)):
            body = {"brand": "acme", "file": upload()}
            answer = client_of(cast, name).post("/api/v1/assets/", body, format="multipart")
            assert answer.headers.get("Also-In") == named

    @pytest.mark.django_db(transaction=True)
    def test_an_import_names_them_unless_it_is_run_again(
        self, cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "pictures"
        folder.mkdir()
        (folder / "hat.png").write_bytes(picture_bytes())
        for _ in range(2):
            call_command("import_assets", str(folder), "--brand=acme")
        assert "existing:" not in capsys.readouterr().out
        (folder / "other hat.png").write_bytes(picture_bytes())
        call_command("import_assets", str(folder), "--brand=acme")
        hat = Asset.objects.get()
        assert f"existing: other hat.png: “hat”, asset {hat.pk}\n" in capsys.readouterr().out
        update_asset(asset=hat, status="archived")
        call_command("import_assets", str(folder), "--brand=acme")
        assert "existing:" not in capsys.readouterr().out
        (folder / "third hat.png").write_bytes(picture_bytes())
        call_command("import_assets", str(folder), "--brand=acme")
        assert f"third hat.png: “hat”, asset {hat.pk}, archived\n" in capsys.readouterr().out
        end_other_sessions()


@pytest.mark.django_db(transaction=True)
def test_one_process_at_a_time_compares(boots: list[Asset], index: Index) -> None:
    index()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('search.duplicates'))")
        assert detect.detect() == 0
    finally:
        other.close()
    assert detect.detect(wait=True) == 4
