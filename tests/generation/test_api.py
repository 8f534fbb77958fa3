from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from assetbank.models import Asset, Membership
from generation.models import Generation
from generation.pipeline import cancel_generation, run_generation, submit
from tests.conftest import Cast
from tests.support.api import Row, client_of, statuses

MakeAsset = Callable[..., Asset]
GENERATIONS, MODELS = "/api/v1/generations/", "/api/v1/models/"
ASKED = {"prompt": "A red cape", "brand": "acme", "model": "sketch"}
FIELDS = {
    *("id", "status", "reason", "reason_code", "prompt", "full_prompt", "brand", "model"),
    *("aspect_ratio", "image_size", "count", "references", "outputs", "usage", "created_by"),
    *("created_at", "started_at", "finished_at"),
    *("preset", "preset_version", "variables", "left_out", "estimated_usd", "cost_usd"),
    *("refines", "draft", "batch"),
}


def ask_for(cast: Cast, **fields: Any) -> Generation:
    given = {
        "person": cast.creator,
        "brand": cast.acme,
        "prompt": "A red cape",
        "model": "sketch",
        "aspect_ratio": "1:1",
        **fields,
    }
    return submit(**given)


@pytest.mark.parametrize(
    "row",
    [
        Row("get", GENERATIONS, (401, 200, 200, 200, 200, 200)),
        Row("post", GENERATIONS, (401, 400, 403, 202, 202, 202), ASKED),
        Row("get", f"{GENERATIONS}{{waiting}}/", (401, 404, 404, 200, 200, 200)),
        Row("delete", f"{GENERATIONS}{{waiting}}/", (401, 405, 405, 405, 405, 405)),
        Row("post", f"{GENERATIONS}{{waiting}}/cancel/", (401, 404, 404, 200, 200, 200)),
        Row("post", f"{GENERATIONS}{{cancelled}}/retry/", (401, 404, 404, 202, 202, 202)),
        Row("post", f"{GENERATIONS}{{waiting}}/retry/", (401, 404, 404, 400, 400, 400)),
        Row("get", MODELS, (401, 200, 200, 200, 200, 200)),
    ],
    ids=str,
)
def test_who_may_do_what(row: Row, cast: Cast) -> None:
    waiting, cancelled = ask_for(cast), ask_for(cast)
    cancel_generation(person=cast.creator, generation=cancelled)
    assert statuses(cast, row, waiting=waiting.pk, cancelled=cancelled.pk) == row.statuses


def test_pictures_are_asked_for_and_followed(cast: Cast, make_asset: MakeAsset) -> None:
    client = client_of(cast, "creator")
    cape, hat = make_asset(title="cape"), make_asset(title="hat")
    asked = {**ASKED, "references": [hat.pk, cape.pk], "aspect_ratio": "4:5", "count": 2}
    answer = client.post(GENERATIONS, asked)
    assert answer.status_code == 202
    told = answer.json()
    assert set(told) == FIELDS
    assert answer["Location"] == f"http://testserver{GENERATIONS}{told['id']}/"
    assert (told["status"], told["outputs"], told["image_size"]) == ("queued", [], "1K")
    assert told["references"] == [
        {
            "asset": each.pk,
            "title": each.title,
            "position": n,
            "role": "",
            "checksum": each.checksum,
            "version": 1,
            "replaced_since": False,
        }
        for n, each in enumerate([hat, cape])
    ]
    run_generation(generation_id=told["id"])
    told = client.get(answer["Location"]).json()
    assert told["status"] == "succeeded"
    assert told["started_at"] < told["finished_at"]
    assert told["full_prompt"]
    assert len(told["outputs"]) == 2
    made = client.get(f"/api/v1/assets/{told['outputs'][0]['asset']}/").json()
    for name in ("file", "thumbnail", "width", "height"):
        assert told["outputs"][0][name] == made[name]
    assert (made["origin"], made["generation"]) == ("generated", told["id"])
    assert (made["engine_model"], made["prompt"]) == ("sketch", "A red cape")


def test_the_first_model_and_a_square_are_taken_when_nothing_is_said(cast: Cast) -> None:
    answer = client_of(cast, "creator").post(GENERATIONS, {"prompt": "A cape", "brand": "acme"})
    assert (answer.json()["model"], answer.json()["aspect_ratio"]) == ("sketch", "1:1")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"prompt": " "}, "invalid"),
        ({"prompt": "x" * 8_001}, "invalid"),
        ({"brand": "nonsense"}, "invalid"),
        ({"count": 9}, "invalid_request"),
        ({"references": ["one"]}, "invalid"),
        ({"references": [999_999]}, "unknown_reference"),
        ({"references": [10**30]}, "unknown_reference"),
        ({"model": "nonsense"}, "unknown_model"),
        ({"aspect_ratio": "7:1"}, "unknown_aspect_ratio"),
        ({"image_size": "9K"}, "unknown_image_size"),
    ],
)
def test_requests_that_cannot_be_drawn(wrong: dict[str, Any], code: str, cast: Cast) -> None:
    answer = client_of(cast, "creator").post(GENERATIONS, {**ASKED, **wrong})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Generation.objects.exists()


def test_what_one_may_not_see_is_no_reference(cast: Cast, make_asset: MakeAsset) -> None:
    foreign = make_asset(brand=cast.other)
    answer = client_of(cast, "creator").post(GENERATIONS, {**ASKED, "references": [foreign.pk]})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_reference")


def test_references_of_other_brands_are_not_told(cast: Cast, make_asset: MakeAsset) -> None:
    Membership.objects.create(brand=cast.other, user=cast.manager, role="viewer")
    foreign = make_asset(brand=cast.other, title="secret")
    generation = ask_for(cast, person=cast.manager, references=[foreign, make_asset()])
    Generation.objects.update(full_prompt="From “secret”.")
    address = f"{GENERATIONS}{generation.pk}/"
    assert "secret" in str(client_of(cast, "manager").get(address).json())
    told = client_of(cast, "creator").get(address).json()
    assert "secret" not in str(told)
    assert told["references"][0]["asset"] is None
    assert told["references"][1]["asset"]


def test_a_reference_that_was_deleted_keeps_its_title(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset(title="cape")
    generation = ask_for(cast, references=[asset])
    asset.delete()
    told = client_of(cast, "creator").get(f"{GENERATIONS}{generation.pk}/").json()
    assert (told["references"][0]["asset"], told["references"][0]["title"]) == (None, "cape")


def test_cancelled_and_tried_again(cast: Cast) -> None:
    client, address = client_of(cast, "creator"), f"{GENERATIONS}{ask_for(cast).pk}/"
    told = client.post(f"{address}cancel/").json()
    assert (told["status"], told["reason"]) == ("cancelled", "Cancelled before it started.")
    assert client.post(f"{address}retry/").json()["status"] == "queued"


def test_the_list_is_filtered_and_paged(cast: Cast) -> None:
    first, second, third = ask_for(cast), ask_for(cast), ask_for(cast)
    cancel_generation(person=cast.creator, generation=second)
    client = client_of(cast, "creator")

    def ids(address: str, **asked: Any) -> list[int]:
        return [told["id"] for told in client.get(address, asked).json()["results"]]

    assert ids(GENERATIONS) == [third.pk, second.pk, first.pk]
    assert ids(GENERATIONS, status="cancelled") == [second.pk]
    assert ids(GENERATIONS, status=["cancelled", "queued"], brand="acme", limit=2) == [
        third.pk,
        second.pk,
    ]
    assert ids(client.get(GENERATIONS, {"limit": 2}).json()["next"]) == [first.pk]
    assert ids(GENERATIONS, brand="other") == []
    for wrong in ({"status": "nonsense"}, {"cursor": "nonsense"}, {"limit": 1_000}):
        answer = client.get(GENERATIONS, wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), wrong
        assert set(answer.json()["errors"]) == set(wrong)


def test_the_list_takes_as_many_queries_for_twenty_as_for_one(
    cast: Cast, make_asset: MakeAsset, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client, references = client_of(cast, "creator"), [make_asset(), make_asset()]
    for many in (1, 20):
        while (count := Generation.objects.count()) < many:
            made = ask_for(cast, prompt=f"A cape, {count}", references=references)
            if count < 3:
                run_generation(generation_id=made.pk)
        # token and user, visible and managed brands, generations, takes, references, outputs,
        # findings
        with django_assert_num_queries(8):
            answer = client.get(GENERATIONS)
        assert len(answer.json()["results"]) == many


def test_models_on_offer(cast: Cast, settings: Any) -> None:
    client = client_of(cast, "viewer")
    assert [told["id"] for told in client.get(MODELS).json()["results"]] == ["sketch"]
    settings.GEMINI_API_KEY = "key"
    told = client.get(MODELS).json()["results"]
    assert told[0]["engine"] == "gemini"
    assert "16:9" in told[0]["aspect_ratios"]
    assert "key" not in str(told)
