"""Existing results before money is spent: in the studio and over REST."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from assetbank.models import Asset
from generation.composer import reuse
from generation.composer.reuse import RequestSpec
from generation.errors import InvalidRequest
from generation.models import EngineModel, Generation, LedgerEntry, Output
from generation.pipeline import run_generation, submit
from tests.conftest import Cast
from tests.generation.composer.test_suggestions import drawn
from tests.support.api import client_of
from tests.support.pages import signed_in

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]
FORM = {
    "prompt": "A red cape at dawn",
    "brand": "acme",
    "model": "sketch",
    "aspect_ratio": "1:1",
    "image_size": "1K",
    "count": "1",
}


def made(cast: Cast, *references: Asset, **fields: Any) -> Generation:
    given = {"prompt": "A red cape at dawn", "model": "sketch", "aspect_ratio": "1:1", **fields}
    asked = submit(person=cast.creator, brand=cast.acme, references=references, **given)
    run_generation(generation_id=asked.pk)
    return asked


def look(cast: Cast, *references: Asset, **fields: Any) -> reuse.Existing:
    given = {"prompt": "A red cape at dawn", "aspect_ratio": "1:1", **fields}
    spec = RequestSpec(brand=cast.acme, references=references, **given)
    return reuse.find_existing(person=cast.creator, spec=spec, near=False)


class TestTheSame:
    def test_the_same_words_and_references_show_what_they_made(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        one, two = make_asset(), make_asset()
        before = made(cast, one, two, roles={one.pk: "product"})
        roles = {one.pk: "product"}
        (found,) = look(cast, one, two, roles=roles, prompt=" a RED  cape\nat dawn").same
        assert found.generation == before
        assert [asset.origin for asset in found.assets] == ["generated"]
        for other in (
            look(cast, two, one, roles=roles),
            look(cast, one, two),
            look(cast, one, roles=roles),
            look(cast, one, two, roles=roles, prompt="A red cape at dusk"),
            look(cast, one, two, roles=roles, aspect_ratio="16:9"),
        ):
            assert not other

    def test_another_model_or_size_is_the_same_picture(self, cast: Cast) -> None:
        made(cast, image_size="2K", count=2)
        assert len(look(cast).same[0].assets) == 2

    def test_one_that_is_being_made_is_told(self, cast: Cast) -> None:
        asked = submit(
            person=cast.creator,
            brand=cast.acme,
            prompt="A red cape at dawn",
            model="sketch",
            aspect_ratio="1:1",
        )
        assert look(cast).waiting == asked

    def test_what_may_not_be_seen_or_used_is_not_offered(self, cast: Cast) -> None:
        before = made(cast)
        output = Asset.objects.get(origin="generated")
        outsiders_spec = RequestSpec(
            brand=cast.acme, prompt="A red cape at dawn", aspect_ratio="1:1"
        )
        assert not reuse.find_existing(person=cast.outsider, spec=outsiders_spec, near=False)
        for status in ("archived", "quarantined"):
            Asset.objects.filter(pk=output.pk).update(status=status)
            assert not look(cast).same
        Asset.objects.filter(pk=output.pk).update(status="draft")
        before.outputs.update(verdict=Output.Verdict.REJECTED)
        assert not look(cast).same


class TestNear:
    def test_past_prompts_in_nearly_the_same_words_and_the_library(
        self, cast: Cast, make_asset: MakeAsset, index: Index
    ) -> None:
        bag = make_asset(file=drawn("handbag", "red"), title="IMG 1")
        make_asset(file=drawn("teapot", "blue"), title="IMG 2")
        made(cast, prompt="A handbag, red, in soft light")
        index()
        prompt = "A red handbag in soft light"
        spec = RequestSpec(brand=cast.acme, prompt=prompt, aspect_ratio="1:1")
        titles = [each.title for each in reuse.find_existing(person=cast.creator, spec=spec).near]
        assert titles[0] == "A handbag, red, in soft light"
        assert "IMG 2" not in titles
        plain = RequestSpec(brand=cast.acme, prompt="red handbag", aspect_ratio="1:1")
        assert bag in reuse.find_existing(person=cast.creator, spec=plain).near

    def test_search_being_down_hides_nothing_else(self, cast: Cast, milvus_down: None) -> None:
        made(cast)
        spec = RequestSpec(brand=cast.acme, prompt="A red cape at dawn", aspect_ratio="1:1")
        found = reuse.find_existing(person=cast.creator, spec=spec)
        assert found.same
        assert not found.near


class TestTaking:
    @pytest.fixture(autouse=True)
    def price(self, shipped: None) -> None:
        EngineModel.objects.filter(pk="sketch").update(
            usd_image=Decimal(30), image_tokens={"1K": 1120, "2K": 1680}
        )

    def test_what_it_would_have_cost_is_avoided_once(
        self, cast: Cast, make_asset: MakeAsset
    ) -> None:
        asset = make_asset()
        spec = RequestSpec(brand=cast.acme, prompt="A red cape", aspect_ratio="1:1")
        for _ in range(2):
            entry = reuse.reuse_asset(
                person=cast.creator, spec=spec, asset=asset, model="sketch", count=2
            )
        assert LedgerEntry.objects.get() == entry
        assert entry.kind == LedgerEntry.Kind.AVOIDED
        assert entry.usd >= 2 * Decimal(30) * 1120 / 1_000_000

    def test_only_what_may_be_used(self, cast: Cast, make_asset: MakeAsset) -> None:
        spec = RequestSpec(brand=cast.acme, prompt="A red cape", aspect_ratio="1:1")
        gone = make_asset()
        Asset.objects.filter(pk=gone.pk).update(status="quarantined")
        for asset in (gone, make_asset(brand=cast.other, by=cast.outsider)):
            with pytest.raises(InvalidRequest):
                reuse.reuse_asset(person=cast.creator, spec=spec, asset=asset, model="sketch")
        assert not LedgerEntry.objects.exists()


class TestStudio:
    def test_the_same_again_is_asked_about_before_it_is_made(self, cast: Cast) -> None:
        before, client = made(cast), signed_in(cast.creator)
        output = Asset.objects.get(origin="generated")
        answer = client.post("/studio/", FORM)
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "An identical request exists" in page
        assert before.get_absolute_url() in page
        assert output.grid_url in page
        assert Generation.objects.count() == 1
        given = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
        taken = client.post("/studio/take/", {**given, "asset": output.pk})
        assert taken.headers["Location"] == output.get_absolute_url()
        assert LedgerEntry.objects.filter(kind="avoided", person=cast.creator).count() == 1
        again = client.post("/studio/", {**given, "anyway": "1"})
        assert again.headers["Location"].startswith("/generations/")
        assert Generation.objects.count() == 2

    def test_a_second_click_is_no_second_request(self, cast: Cast) -> None:
        client = signed_in(cast.creator)
        first = client.post("/studio/", {**FORM, "token": "one"})
        second = client.post("/studio/", {**FORM, "token": "one"})
        assert second.headers["Location"] == first.headers["Location"]
        assert ("identical request is running") in client.post(
            "/studio/", {**FORM, "token": "two"}
        ).text

    def test_beside_the_form_it_is_shown_while_one_writes(self, cast: Cast) -> None:
        made(cast)
        client = signed_in(cast.creator)
        assert "Existing images" in client.post("/studio/beside/", FORM).text
        other = client.post("/studio/beside/", {**FORM, "prompt": "Something else entirely"}).text
        assert "No similar image exists" in other
        assert client.post("/studio/beside/", {**FORM, "prompt": ""}).status_code == 200


class TestRest:
    def test_it_is_looked_for_and_taken(self, cast: Cast, make_asset: MakeAsset) -> None:
        one = make_asset()
        before = made(cast, one, roles={one.pk: "product"})
        client = client_of(cast, "creator")
        query = {"brand": "acme", "prompt": before.prompt, "references": [f"{one.pk}:product"]}
        told = client.get("/api/v1/already/", query).json()
        assert told["waiting"] is None
        (same,) = told["same"]
        assert (same["generation"], same["created_by"]) == (before.pk, "creator")
        body = {
            "brand": "acme",
            "prompt": before.prompt,
            "model": "sketch",
            "asset": same["pictures"][0]["asset"],
        }
        taken = client.post("/api/v1/already/", body, format="json")
        assert taken.status_code == 201
        assert LedgerEntry.objects.get(kind="avoided").usd == Decimal(taken.json()["avoided_usd"])

    def test_viewers_look_and_take_nothing(self, cast: Cast, make_asset: MakeAsset) -> None:
        client, query = client_of(cast, "viewer"), {"brand": "acme", "prompt": "A cape"}
        assert client.get("/api/v1/already/", query).status_code == 200
        Asset.objects.filter(pk=(asset := make_asset()).pk).update(status="approved")
        body = {**query, "asset": asset.pk, "model": "sketch"}
        assert client.post("/api/v1/already/", body, format="json").status_code == 403
        outsiders_spec = client_of(cast, "outsider")
        assert outsiders_spec.get("/api/v1/already/", query).status_code == 400

    def test_suggestions(self, cast: Cast, make_asset: MakeAsset, settings: Settings) -> None:
        asset = make_asset(title="Silk cape")
        client = client_of(cast, "creator")
        query: dict[str, Any] = {"brand": "acme", "prompt": "the silk cape"}
        told = client.get("/api/v1/suggestions/", query).json()
        assert [row["asset"] for row in told["results"]] == [asset.pk]
        assert told["results"][0]["anchor"] is False
        query["taken"] = [asset.pk]
        assert client.get("/api/v1/suggestions/", query).json()["results"] == []
        assert client.get("/api/v1/suggestions/", {"brand": "other"}).status_code == 400
