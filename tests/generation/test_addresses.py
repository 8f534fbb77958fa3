"""Access to every address of the studio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assetbank.assets import approval
from assetbank.models import Asset
from generation.models import Batch, Generation, Preset, PresetVersion, Turn, Webhook
from generation.pipeline import cancel_generation
from generation.review import verdicts
from generation.workflows import withdrawal
from tests.conftest import Cast
from tests.generation.requests import ask, run
from tests.generation.test_security import ASKED
from tests.support.addresses import DRAFTS, OURS, Address, keys, wrong
from tests.support.api import EVERYBODY

MakeAsset = Callable[..., Asset]
A, P, V, C, M, S = EVERYBODY
MATRIX = {"prompt": "A cape", "brand": "acme", "model": "sketch", "products": "{listed}"}
VALUES = {"prompt": "A {colour} cape", "variable": "colour", "values": "red\nblue"}
HOOK = {"brand": "acme", "url": "https://93.184.215.14/hook", "events": ["asset.approved"]}
PARTS = [{"output": 0, "thoughtSignature": "c2lnbmVk"}]
SAID = {"prompt": "A cape", "references": [], "role": "model", "parts": PARTS}
REST = "/api/v1"
ADDRESSES = [
    # pages that all users have
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
    # generations: viewers see them once one of their images is approved
    Address("get", "/generations/{generation}/", C),
    Address("get", "/generations/{generation}/state/", C),
    Address("get", "/generations/{generation}/thread/", C),
    Address("post", "/generations/{generation}/again/", C),
    Address("post", "/generations/{waiting}/cancel/", C),
    Address("post", "/generations/{cancelled}/retry/", C),
    Address("post", f"{REST}/generations/", C, ASKED),
    Address("get", f"{REST}/generations/{{generation}}/", C),
    Address("post", f"{REST}/generations/{{waiting}}/cancel/", C),
    Address("post", f"{REST}/generations/{{cancelled}}/retry/", C),
    # batches
    Address("get", "/batches/new/", C),
    Address("post", "/batches/new/", C, {**ASKED, "kind": "values", **VALUES}),
    Address("get", "/batches/{batch}/", C),
    Address("get", "/batches/{batch}/progress/", C),
    Address("get", "/batches/{batch}/choices/", C),
    Address("post", "/batches/{batch}/stop/", C),
    Address("post", "/batches/{batch}/retry/", C),
    Address("post", "/batches/{batch}/kept/", C, {"to": "tray"}),
    Address("post", f"{REST}/batches/", C, MATRIX),
    Address("get", f"{REST}/batches/{{batch}}/", C),
    Address("post", f"{REST}/batches/{{batch}}/stop/", C),
    Address("post", f"{REST}/batches/{{batch}}/retry/", C),
    # an output that is a draft
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


@pytest.fixture
def ids(cast: Cast, make_asset: MakeAsset, settings: Any) -> dict[str, Any]:
    shown = make_asset(title=f"{OURS} cape", description=OURS)
    hidden = make_asset(title=f"{DRAFTS} hat", status="draft")
    withdrawn = make_asset()
    for verdict in ("rejected", "approved"):
        approval.decide(asset=shown, by=cast.manager, verdict=verdict, reason=DRAFTS)
    withdrawal.withdraw_rights(person=cast.manager, asset=withdrawn, reason=DRAFTS)
    batch = Batch.objects.create(
        brand=cast.acme, title=f"{OURS} capes", kind="products", created_by=cast.creator
    )
    generation = run(ask(cast, prompt=f"A {OURS}", references=[shown, hidden], batch=batch))
    cancelled, waiting = ask(cast, prompt=OURS, batch=batch), ask(cast, prompt=OURS)
    cancel_generation(person=cast.creator, generation=cancelled)
    output = generation.outputs.get()
    settings.GEMINI_API_KEY = "a-key"  # nothing is sent: the job waits
    able = {"model": "gemini-nano-banana-2.1", "image_size": "1K"}
    Generation.objects.filter(pk=generation.pk).update(**able)
    Turn.objects.create(take=output.take, content=SAID)
    verdicts.keep(person=cast.creator, output=output)
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


@pytest.mark.slow
def test_every_address_is_for_whom_it_is_meant(cast: Cast, ids: dict[str, Any]) -> None:
    told = wrong(cast, ADDRESSES, **ids)
    assert not told, "\n".join(told)


def test_every_address_is_in_the_table() -> None:
    """A new address needs a row with the first of EVERYBODY who has access."""
    assert {each.key for each in ADDRESSES} == keys("generation")
