"""Two clicks, two workers, and faults in the studio: nothing is paid twice, nothing is stuck."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from assetbank import intake
from assetbank.models import Asset
from generation import choosing, ending, engines, studio, withdrawing
from generation.errors import EngineUnavailable
from generation.models import Batch, Generation, Preset, PresetVersion, Webhook
from tests.addresses import DRAFTS, OURS, Address, keys, wrong
from tests.api import EVERYBODY
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
ASKED = {
    "prompt": "A red cape",
    "brand": "acme",
    "model": "sketch",
    "aspect_ratio": "1:1",
    "image_size": "1K",
    "count": "1",
}

A, P, V, C, M, S = EVERYBODY
MATRIX = {"prompt": "A cape", "brand": "acme", "model": "sketch", "products": "{listed}"}
VALUES = {"prompt": "A {colour} cape", "variable": "colour", "values": "red\nblue"}
HOOK = {"brand": "acme", "url": "https://93.184.215.14/hook", "events": ["asset.approved"]}
PARTS = [{"output": 0, "thoughtSignature": "c2lnbmVk"}]
SAID = {"prompt": "A cape", "references": [], "role": "model", "parts": PARTS}
REST = "/api/v1"
ADDRESSES = [
    # everybody's own, or what all have in common
    Address("get", "/tray/", P),
    Address("get", "/generations/", P),
    Address("get", "/batches/", P),
    Address("get", "/brands/rules/", P),
    Address("get", f"{REST}/models/", P),
    Address("get", f"{REST}/generations/", P),
    Address("get", f"{REST}/batches/", P),
    Address("get", f"{REST}/presets/", P),
    Address("get", f"{REST}/webhooks/", P),
    # the studio
    Address("post", "/tray/change/", C, {"add": "{shown}"}),
    Address("get", "/studio/", C),
    Address("get", "/studio/?from={generation}", C),
    Address("post", "/studio/", C, {**ASKED, "anyway": "1"}),
    Address("post", "/studio/preset/", C, {"brand": "acme"}),
    Address("post", "/studio/suggestions/", C, {"brand": "acme"}),
    Address("post", "/studio/beside/", C, ASKED),
    Address("post", "/studio/take/", C, {**ASKED, "asset": "{shown}"}),
    Address("post", "/studio/undo/", C),
    Address("post", "/studio/clear/", C),
    Address("get", f"{REST}/suggestions/?brand=acme", V),
    Address("get", f"{REST}/already/?brand=acme&prompt=cape", V),
    Address("post", f"{REST}/already/", C, {**ASKED, "asset": "{shown}"}),
    Address("post", f"{REST}/estimates/", C, {"brand": "acme", "model": "sketch"}),
    Address("get", f"{REST}/presets/{{preset}}/", V),
    Address("get", f"{REST}/presets/{{preset}}/versions/", V),
    # generations
    Address("get", "/generations/{generation}/", V),
    Address("get", "/generations/{generation}/state/", V),
    Address("get", "/generations/{generation}/thread/", V),
    Address("post", "/generations/{generation}/again/", C),
    Address("post", "/generations/{waiting}/cancel/", C),
    Address("post", "/generations/{cancelled}/retry/", C),
    Address("post", f"{REST}/generations/", C, ASKED),
    Address("get", f"{REST}/generations/{{generation}}/", V),
    Address("post", f"{REST}/generations/{{waiting}}/cancel/", C),
    Address("post", f"{REST}/generations/{{cancelled}}/retry/", C),
    # batches
    Address("get", "/batches/new/", C),
    Address("post", "/batches/new/", C, {**ASKED, "kind": "values", **VALUES}),
    Address("get", "/batches/{batch}/", V),
    Address("get", "/batches/{batch}/progress/", V),
    Address("get", "/batches/{batch}/choices/", V),
    Address("post", "/batches/{batch}/stop/", C),
    Address("post", "/batches/{batch}/retry/", C),
    Address("post", "/batches/{batch}/kept/", C, {"to": "tray"}),
    Address("post", f"{REST}/batches/", C, MATRIX),
    Address("get", f"{REST}/batches/{{batch}}/", V),
    Address("post", f"{REST}/batches/{{batch}}/stop/", C),
    Address("post", f"{REST}/batches/{{batch}}/retry/", C),
    # a picture that came back, still a draft
    Address("get", "/compare/?a={made}&b={shown}", C),
    Address("post", "/outputs/{output}/keep/", C),
    Address("post", "/outputs/{output}/reject/", C, {"reason": "Blurred"}),
    Address("post", "/outputs/{output}/as-reference/", C),
    Address("get", "/outputs/{output}/refine/", C),
    Address("post", "/outputs/{output}/refine/", C, {"words": "Swap the hat"}),
    Address("post", "/outputs/{output}/finalise/", C, {"image_size": "4K"}),
    Address("post", f"{REST}/outputs/{{output}}/refine/", C, {"words": "Swap the hat"}),
    Address("post", f"{REST}/outputs/{{output}}/finalise/", C, {"image_size": "4K"}),
    Address("post", f"{REST}/outputs/{{output}}/keep/", C),
    Address("post", f"{REST}/outputs/{{output}}/reject/", C, {"reason": "Blurred"}),
    Address("post", f"{REST}/outputs/{{output}}/undecide/", C),
    Address("get", f"{REST}/outputs/{{output}}/thread/", C),
    Address("get", "/assets/{made}/findings/", C),
    Address("post", "/assets/{made}/inspect/", C),
    Address("get", f"{REST}/assets/{{made}}/findings/", C),
    Address("post", f"{REST}/assets/{{made}}/findings/", C),
    # rights, records and lineage
    *(
        Address("get", address, first)
        for asset, first in (("{shown}", V), ("{made}", C))
        for address in (
            f"/assets/{asset}/rights/",
            f"/assets/{asset}/record/",
            f"/assets/{asset}/record.json",
            f"/assets/{asset}/record.zip",
            f"/assets/{asset}/lineage/",
            f"/assets/{asset}/made-with/",
            f"{REST}/assets/{asset}/record/",
            f"{REST}/assets/{asset}/lineage/",
        )
    ),
    Address("get", "/assets/{shown}/withdraw/", M),
    Address("post", "/assets/{shown}/withdraw/", M, {"reason": "It ended."}),
    Address("post", "/assets/{withdrawn}/reinstate/", M),
    Address("get", f"{REST}/assets/{{shown}}/withdraw/", M),
    Address("post", f"{REST}/assets/{{shown}}/withdraw/", M, {"reason": "It ended."}),
    Address("post", f"{REST}/assets/{{withdrawn}}/reinstate/", M),
    # a brand's rules, money and webhooks
    Address("get", "/brands/acme/rules/", M),
    Address("post", "/brands/acme/rules/", M),
    Address("post", "/brands/acme/inspect/", M),
    Address("get", f"{REST}/brands/acme/rules/", V),
    Address("patch", f"{REST}/brands/acme/rules/", M, {"voice": "Calm."}),
    Address("get", "/spending/", C),
    Address("get", "/spending/entries.csv", C),
    Address("get", f"{REST}/spending/", C),
    Address("post", f"{REST}/webhooks/", M, HOOK),
    Address("get", f"{REST}/webhooks/{{hook}}/", M),
    Address("patch", f"{REST}/webhooks/{{hook}}/", M, {"active": False}),
    Address("delete", f"{REST}/webhooks/{{hook}}/", M),
    Address("get", f"{REST}/webhooks/{{hook}}/deliveries/", M),
    Address("post", f"{REST}/webhooks/{{hook}}/test/", M),
]


def ask(cast: Cast, **fields: Any) -> Generation:
    given = {"prompt": "A red cape", "model": "sketch", "aspect_ratio": "1:1", **fields}
    return studio.request(person=cast.creator, brand=cast.acme, **given)


def run(generation: Generation) -> Generation:
    studio.run(generation_id=generation.pk)
    generation.refresh_from_db()
    return generation


def jobs_of(generation: Generation) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE lock = %s AND status = 'todo'",
            [f"generation-{generation.pk}"],
        )
        return int(cursor.fetchone()[0])


class TestEveryAddress:
    @pytest.fixture
    def ids(self, cast: Cast, make_asset: MakeAsset, settings: Any) -> dict[str, Any]:
        shown = make_asset(title=f"{OURS} cape", description=OURS)
        hidden = make_asset(title=f"{DRAFTS} hat", status="draft")
        withdrawn = make_asset()
        withdrawing.withdraw(person=cast.manager, asset=withdrawn, reason=DRAFTS)
        batch = Batch.objects.create(
            brand=cast.acme, title=f"{OURS} capes", kind="products", created_by=cast.creator
        )
        generation = run(ask(cast, prompt=f"A {OURS}", references=[shown, hidden], batch=batch))
        cancelled, waiting = ask(cast, prompt=OURS, batch=batch), ask(cast, prompt=OURS)
        studio.cancel(person=cast.creator, generation=cancelled)
        output = generation.outputs.get()
        settings.GEMINI_API_KEY = "a-key"  # nothing is sent: it waits
        able = {"model": "gemini-nano-banana-2.1", "image_size": "1K"}
        Generation.objects.filter(pk=generation.pk).update(**able)
        generation.turns.create(take=output.take, content=SAID)
        choosing.keep(person=cast.creator, output=output)
        output.findings.create(code="palette", sentence=DRAFTS)
        preset = Preset.objects.create(name=OURS, slug=OURS, brand=cast.acme)
        PresetVersion.objects.create(preset=preset, number=1, template=f"A {OURS}")
        hook = Webhook.objects.create(
            brand=cast.acme, url=f"https://example.com/{DRAFTS}", events=["asset.approved"]
        )
        return {
            "shown": shown.pk,
            "listed": [shown.pk],
            "withdrawn": withdrawn.pk,
            "generation": generation.pk,
            "cancelled": cancelled.pk,
            "waiting": waiting.pk,
            "batch": batch.pk,
            "output": output.pk,
            "made": output.asset_id,
            "preset": preset.slug,
            "hook": hook.pk,
        }

    def test_is_for_whom_it_is_meant(self, cast: Cast, ids: dict[str, Any]) -> None:
        told = wrong(cast, ADDRESSES, **ids)
        assert not told, "\n".join(told)

    def test_is_in_the_table(self) -> None:
        """A new one is put there, with the first of EVERYBODY who gets in."""
        assert {each.key for each in ADDRESSES} == keys("generation")


class TestTwoClicks:
    def test_they_make_one_generation(self, cast: Cast, make_asset: MakeAsset) -> None:
        client = Client()
        client.force_login(cast.creator)
        page = client.get("/studio/").content.decode()
        assert 'name="token" value="' in page
        asked = {**ASKED, "token": str(uuid.uuid4()), "references": make_asset().pk}
        first, second = client.post("/studio/", asked), client.post("/studio/", asked)
        made = Generation.objects.get()
        assert first.headers["Location"] == second.headers["Location"] == f"/generations/{made.pk}/"
        assert jobs_of(made) == 1
        assert made.reference_rows.count() == 1
        # the same page, shown again by the browser, but with other words: that is meant
        client.post("/studio/", {**asked, "prompt": "A blue cape"})
        client.post("/studio/", {**asked, "token": str(uuid.uuid4()), "anyway": "1"})
        assert Generation.objects.count() == 3

    def test_a_token_is_its_persons_own(self, cast: Cast) -> None:
        asked = {**ASKED, "token": "guessed", "anyway": "1"}
        for person in (cast.creator, cast.manager):
            client = Client()
            client.force_login(person)
            client.post("/studio/", asked)
        assert Generation.objects.count() == 2


def test_looking_at_the_studio_leaves_the_tray_alone(cast: Cast, make_asset: MakeAsset) -> None:
    used, chosen = make_asset(), make_asset()
    past = ask(cast, references=[used])
    client = Client()
    client.force_login(cast.creator)
    client.post("/tray/change/", {"add": chosen.pk})
    client.get(f"/studio/?from={past.pk}")
    assert client.session["tray"] == [chosen.pk]


class TestStuck:
    def test_what_nobody_expected_is_an_end(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(request: Any) -> Any:
            raise ZeroDivisionError("/secret")

        monkeypatch.setattr(engines, "draw", broken)
        done = run(ask(cast))
        assert (done.state, done.reason_code) == ("failed", "internal_error")
        assert "secret" not in done.reason

    def test_a_generation_that_ends_its_worker_is_not_begun_for_ever(self, cast: Cast) -> None:
        made = ask(cast)
        Generation.objects.update(state="running", attempts=ending.MOST_ATTEMPTS)
        assert run(made).reason_code == "worker_ended"

    def test_one_without_a_job_is_taken_up(self, cast: Cast) -> None:
        lost, waiting, done = ask(cast), ask(cast), ask(cast)
        Generation.objects.filter(pk=lost.pk).update(state="running")
        Generation.objects.filter(pk=done.pk).update(state="failed")
        with connection.cursor() as cursor:
            locks = [f"generation-{each.pk}" for each in (lost, done)]
            cursor.execute("DELETE FROM procrastinate_jobs WHERE lock = ANY(%s)", [locks])
        studio.take_up_left_behind()
        studio.take_up_left_behind()
        assert [jobs_of(each) for each in (lost, waiting, done)] == [1, 1, 0]


class TestCancelling:
    def test_a_retry_does_not_wait_behind_what_was_cancelled(self, cast: Cast) -> None:
        made = ask(cast)
        studio.cancel(person=cast.creator, generation=made)
        assert jobs_of(made) == 0
        studio.retry(person=cast.creator, generation=made)
        assert jobs_of(made) == 1

    def test_it_ends_at_once_when_the_engine_is_not_there(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = ask(cast)

        def away(request: Any) -> Any:
            studio.cancel(person=cast.creator, generation=made)
            raise EngineUnavailable("Away.", code="unreachable")

        monkeypatch.setattr(engines, "draw", away)
        assert run(made).state == "cancelled"


def test_rights_that_ended_while_it_waited(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset()
    made = ask(cast, references=[asset])
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    intake.update(asset=asset, expires_on=yesterday)
    done = run(made)
    assert (done.state, done.reason_code) == ("failed", "rights_expired")
