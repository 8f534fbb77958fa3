"""A worker that is killed at any line while it sends a bulk order or records its answers: nothing
is ordered twice, and no answer is lost or charged twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from assetbank.assets import ingest
from generation import conversation
from generation.billing import ledger
from generation.engines.gemini import batch_api
from generation.models import Batch, BatchJob, LedgerEntry
from generation.pipeline import draw, execute, finish, takes
from generation.workflows import Matrix, bulk_orders, submit_batch
from tests.conftest import Cast
from tests.gemini_server import GeminiServer, drawing
from tests.generation.kill_walk import Walk

ENTERED = {
    module.__file__
    for module in (
        bulk_orders,
        draw,
        takes,
        conversation,
        execute,
        finish,
        ledger,
        batch_api,
        ingest,
    )
}
MODEL = "gemini-nano-banana-2.1"


@pytest.fixture
def server(server: GeminiServer, monkeypatch: pytest.MonkeyPatch) -> GeminiServer:
    monkeypatch.setitem(drawing.PIXELS, "1:1", (40, 40))  # a walk generates many images
    return server


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_at_any_line_it_orders_once_and_loses_nothing(
    cast: Cast, server: GeminiServer
) -> None:
    _walk(_order(cast, server), server).work()  # fills the caches
    whole = _walk(_order(cast, server), server)
    assert whole.run()
    assert whole.files >= ENTERED
    for visit in whole.last_lines():
        job = _order(cast, server)
        whole.work = _walk(job, server).work
        whole.killed_at(visit)
        whole.work()
        _check(job, server)


def _walk(job: BatchJob, server: GeminiServer) -> Walk:
    def work() -> None:
        for _ in range(4):  # sent and polled; both again after a kill
            bulk_orders.advance_order(job_id=job.pk)

    return Walk(work, lambda: len(server.batches.orders))


def _order(cast: Cast, server: GeminiServer) -> BatchJob:
    server.clear()
    name = Batch.objects.count()
    values = [f"red {name}", f"blue {name} [scenario:refuse_picture]"]
    return submit_batch(
        person=cast.creator,
        brand=cast.acme,
        matrix=Matrix("A {colour} cape", variable="colour", values=values),
        model=MODEL,
        aspect_ratio="1:1",
        in_bulk=True,
    ).jobs.get()


def _check(job: BatchJob, server: GeminiServer) -> None:
    job.refresh_from_db()
    assert (job.state, len(server.batches.orders)) == ("finished", 1)
    good, refused = job.generations.order_by("pk")
    assert (good.state, refused.state) == ("succeeded", "refused")
    (output,) = good.outputs.all()
    assert output.asset_id
    assert output.data is None
    assert output.take.turn.content["parts"]
    for cell in (good, refused):
        spent = cell.ledger.filter(kind__in=LedgerEntry.SPENT)
        assert spent.filter(kind="charged").count() == 1
        assert sum((entry.usd for entry in spent), Decimal(0)) == ledger.charged_usd(cell)
