"""The whole workflow of a brand, over REST and real HTTP to the stand-in: from the library to an
approved image, and the withdrawal of its source."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image
from rest_framework.test import APIClient

from assetbank.assets import open_rendition
from assetbank.models import Asset, Collection, CollectionItem, Notice
from generation import webhooks
from generation.models import BatchJob, Webhook, WebhookDelivery
from generation.pipeline import run_generation
from generation.prompting import brand_rules
from generation.review import inspect
from generation.workflows import bulk_orders
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.support.api import client_of

V1 = "/api/v1"
MODEL = "gemini-nano-banana-2.1"
PROMPT = {"brand": "acme", "model": MODEL, "preset": "pack-shot"}
Index = Callable[..., None]


@pytest.fixture
def bag(make_asset: Any) -> Asset:
    """Return an asset with terms: two countries, and an expiry date."""
    terms = {"territories": ["DE", "FR"], "expires_on": "2099-12-31"}
    bag: Asset = make_asset((200, 30, 40), title="Red handbag", **terms)
    return bag


@pytest.fixture
def creator(cast: Cast) -> APIClient:
    return client_of(cast, "creator")


def ask(client: APIClient, bag: Asset, **more: Any) -> dict[str, Any]:
    references = [{"asset": bag.pk, "role": "product"}]
    answer = client.post(f"{V1}/generations/", {**PROMPT, "references": references, **more})
    assert answer.status_code == 202, answer.content
    return drawn(client, answer.json())


def drawn(client: APIClient, generation: dict[str, Any]) -> dict[str, Any]:
    run_generation(generation_id=generation["id"])
    told: dict[str, Any] = client.get(f"{V1}/generations/{generation['id']}/").json()
    return told


def test_from_the_library_to_a_prompt(
    cast: Cast, creator: APIClient, bag: Asset, make_asset: Any, server: GeminiServer, index: Index
) -> None:
    anchors = Collection.objects.create(brand=cast.acme, name="Best")
    anchor = make_asset((30, 40, 200), title="Blue coat")
    CollectionItem.objects.create(collection=anchors, asset=anchor)
    brand_rules.change_rules(
        person=cast.manager, brand=cast.acme, anchors=anchors, never=["Rain"], voice="Calm"
    )
    index()
    suggested = creator.get(f"{V1}/suggestions/", {"brand": "acme", "prompt": "a red handbag"})
    first, *others = suggested.json()["results"]
    assert (first["asset"], first["anchor"]) == (anchor.pk, True)
    assert bag.pk in {each["asset"] for each in others}

    made = ask(creator, bag, prompt="Seen from above")
    (sent,) = server.requests
    assert "Image 1, the product: Red handbag" in sent.prompt
    assert "Seen from above" in sent.prompt
    assert all(rule in sent.prompt for rule in ("Rain", "Calm", *cast.acme.palette))
    assert (made["preset"], made["preset_version"]) == ("pack-shot", 1)

    same = {"brand": "acme", "preset": "pack-shot", "prompt": "Seen from above"}
    same |= {"references": f"{bag.pk}:product"}
    there = creator.get(f"{V1}/already/", same).json()
    assert [each["generation"] for each in there["same"]] == [made["id"]]
    taken = {**PROMPT, "prompt": "Seen from above", "asset": made["outputs"][0]["asset"]}
    taken |= {"references": [{"asset": bag.pk, "role": "product"}]}
    avoided = creator.post(f"{V1}/already/", taken).json()["avoided_usd"]
    assert Decimal(avoided) > 0
    assert len(server.requests) == 1

    index()
    inspect.inspect_pending()
    told = creator.get(f"{V1}/generations/{made['id']}/").json()["outputs"][0]
    assert told["inspected_at"]
    assert all(finding["sentence"] for finding in told["findings"])


@pytest.mark.slow
def test_drafts_turns_finals_and_orders_in_bulk(
    cast: Cast, creator: APIClient, bag: Asset, make_asset: Any, server: GeminiServer
) -> None:
    made = ask(creator, bag, count=2)
    kept, rejected = (output["id"] for output in made["outputs"])
    assert creator.post(f"{V1}/outputs/{kept}/keep/").json()["verdict"] == "kept"
    no = {"reason": "Product wrong"}
    assert creator.post(f"{V1}/outputs/{rejected}/reject/", no).json()["verdict"] == "rejected"

    answer = creator.post(f"{V1}/outputs/{kept}/refine/", {"words": "Swap the strap"})
    refined = drawn(creator, answer.json())
    assert (refined["status"], refined["refines"]) == ("succeeded", kept)
    assert len(server.requests[-1].body["contents"]) == 3  # the prompt, the answer, the instruction

    turn = refined["outputs"][0]["id"]
    final = drawn(
        creator, creator.post(f"{V1}/outputs/{turn}/finalise/", {"image_size": "4K"}).json()
    )
    assert (final["status"], final["draft"], final["image_size"]) == ("succeeded", turn, "4K")

    lineage = creator.get(f"{V1}/assets/{final['outputs'][0]['asset']}/lineage/").json()
    assert lineage["made_from"]

    cells = [bag, make_asset((20, 200, 90), title="Green scarf")]
    order = {"brand": "acme", "model": MODEL, "prompt": "On a plinth", "in_bulk": True}
    order |= {"base": [make_asset((90, 90, 90)).pk], "products": [each.pk for each in cells]}
    batch = creator.post(f"{V1}/batches/", order)
    assert batch.status_code == 202, batch.content
    job = BatchJob.objects.get()
    for _ in range(2):  # it is sent, and its answers are recorded
        bulk_orders.advance_order(job_id=job.pk)
    told = creator.get(f"{V1}/batches/{batch.json()['id']}/").json()
    assert told["progress"]["made"] == len(cells)
    spent = creator.get(f"{V1}/generations/{told['generations'][0]['id']}/").json()["cost_usd"]
    assert 0 < Decimal(spent) < Decimal(made["cost_usd"])


def test_a_refusal_says_what_to_change_and_is_never_paid_again(
    cast: Cast, creator: APIClient, bag: Asset, server: GeminiServer
) -> None:
    refused = ask(creator, bag, prompt="[scenario:refuse_picture]")
    assert (refused["status"], refused["reason_code"]) == ("refused", "safety")
    assert "Remove" in refused["reason"]
    again = creator.post(f"{V1}/generations/{refused['id']}/retry/")
    assert (again.status_code, again.json()["code"]) == (400, "refused")
    assert len(server.requests) == 1


def test_approval_rights_and_record_of_what_was_drawn(
    cast: Cast, creator: APIClient, bag: Asset, server: GeminiServer
) -> None:
    Webhook.objects.create(brand=cast.acme, url="https://example.com/", events=Webhook.Event.values)
    made = ask(creator, bag)
    pk = made["outputs"][0]["asset"]
    address = f"{V1}/assets/{pk}/"
    viewer, manager = client_of(cast, "viewer"), client_of(cast, "manager")
    assert viewer.get(address).status_code == 404
    yes = {"verdict": "approved", "reason": "As briefed"}
    assert creator.post(f"{address}decisions/", yes).status_code == 403
    assert manager.post(f"{address}decisions/", yes).json()["by"] == "manager"
    told = viewer.get(address).json()
    assert (told["territories"], told["expires_on"]) == (["DE", "FR"], "2099-12-31")
    assert told["digital_source_type"] == "trainedAlgorithmicMedia"

    asset = Asset.objects.get(pk=pk)
    with open_rendition(asset=asset, name="preview") as file:
        xmp = Image.open(io.BytesIO(file.read())).info["xmp"]
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in xmp
    record = manager.get(f"{address}record/").json()
    assert bag.checksum in str(record)
    assert "As briefed" in str(record)

    gone = manager.post(f"{V1}/assets/{bag.pk}/withdraw/", {"reason": "The model asked for it"})
    assert gone.status_code == 201, gone.content
    assert viewer.get(address).status_code == 404
    assert creator.get(address).json()["status"] == "quarantined"
    assert Notice.objects.filter(person=cast.creator, sentence__contains="rights").exists()
    answer = creator.post(f"{V1}/generations/", {**PROMPT, "references": [pk]})
    assert (answer.status_code, answer.json()["code"]) == (400, "rights")
    assert len(server.requests) == 1
    assert [each.event for each in WebhookDelivery.objects.order_by("created_at")] == [
        webhooks.Event.FINISHED,
        webhooks.Event.APPROVED,
        webhooks.Event.WITHDRAWN,
    ]
