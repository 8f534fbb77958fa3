"""Workers killed at any line: nothing that has arrived is lost or billed again; a call that may
have been billed without an answer is charged, and only a user can request it again."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from assetbank.assets import ingest
from assetbank.models import Asset
from generation import conversation, webhooks
from generation.billing import ledger
from generation.engines import quotas
from generation.models import Generation, LedgerEntry, Output
from generation.pipeline import (
    draw,
    execute,
    finish,
    outputs,
    retry_generation,
    run_generation,
    submit,
    takes,
)
from tests.conftest import Cast
from tests.gemini_server import GeminiServer, drawing
from tests.generation.kill_walk import Walk

ENTERED = {
    module.__file__
    for module in (
        *(execute, draw, takes, outputs, finish),
        *(conversation, ledger, quotas, webhooks, ingest),
    )
}
PICTURES = 2


@pytest.fixture
def server(server: GeminiServer, monkeypatch: pytest.MonkeyPatch) -> GeminiServer:
    monkeypatch.setitem(drawing.PIXELS, "1:1", (40, 40))  # a walk draws many images
    return server


@pytest.mark.slow
@pytest.mark.parametrize("second", ["success", "refuse_picture"])
@pytest.mark.django_db(transaction=True)
def test_killed_at_any_line_it_loses_nothing_and_pays_for_nothing_twice(
    cast: Cast, server: GeminiServer, second: str
) -> None:
    # Fills the caches, so that all later runs go along the same lines
    _walk(_ask(cast, server, second), server).work()
    whole = _walk(_ask(cast, server, second), server)
    assert whole.run()
    assert whole.files >= ENTERED
    windows = []
    for visit in whole.last_lines():
        generation = _ask(cast, server, second)
        whole.work = _walk(generation, server).work
        whole.killed_at(visit)
        windows.append(_recovered(cast, server, generation))
    assert windows.count((1, 0)) == windows.count((1, 1)) == PICTURES


def _walk(generation: Generation, server: GeminiServer) -> Walk:
    return Walk(lambda: run_generation(generation_id=generation.pk), lambda: len(server.requests))


def _recovered(cast: Cast, server: GeminiServer, generation: Generation) -> tuple[int, int]:
    """Run the killed generation to its end, and return how many takes had begun when it was killed,
    and how many of them had been drawn without a recorded answer."""
    generation.refresh_from_db()
    begun = takes.unanswered(generation).count()
    lost = len(server.requests) - len(generation.ended_takes)
    assert 0 <= lost <= begun <= 1
    run_generation(generation_id=generation.pk)
    if begun:
        generation.refresh_from_db()
        assert (generation.state, generation.reason_code) == ("failed", "worker_ended")
        retry_generation(person=cast.creator, generation=generation)
        run_generation(generation_id=generation.pk)
    assert len(server.requests) == PICTURES + lost
    _check(generation, begun)
    return begun, lost


def _ask(cast: Cast, server: GeminiServer, second: str) -> Generation:
    server.clear()
    server.script("success", second)
    return submit(
        person=cast.creator,
        brand=cast.acme,
        prompt=f"A red cape {Generation.objects.count()}",
        model="gemini-nano-banana-2.1",
        aspect_ratio="1:1",
        count=PICTURES,
    )


def _check(generation: Generation, begun: int) -> None:
    generation.refresh_from_db()
    assert generation.state == "succeeded", generation.reason
    states = Counter(take.state for take in generation.takes.all())
    assert states.total() == PICTURES + begun
    assert (states["asked"], states["lost"], states["abandoned"]) == (0, 0, begun)
    outputs = list(Output.objects.filter(generation=generation))
    assert len(outputs) == states["answered"]
    assert all(output.asset_id and output.data is None for output in outputs)
    made = Asset.objects.filter(generation_id=generation.pk)
    assert {output.asset_id for output in outputs} == set(made.values_list("pk", flat=True))
    assert made.count() == len(outputs)
    spent = generation.ledger.filter(kind__in=LedgerEntry.SPENT)
    charges = spent.filter(kind="charged")
    assert charges.count() == PICTURES + begun
    assert charges.filter(note__contains="may have been billed").count() == begun
    assert sum((entry.usd for entry in spent), Decimal(0)) == ledger.charged_usd(generation)
