"""A worker that is killed at any line while it orders in bulk, or brings home: nothing is ordered
twice, nothing that was answered is lost or charged twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from generation.billing import ledger
from generation.models import Batch, BatchJob, LedgerEntry
from generation.workflows import batch, bulk_orders
from generation.workflows.matrix import Matrix
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.gemini_server import drawing as drawn
from tests.generation.kill_walk import Walk

WALKED = {bulk_orders.__file__}
MODEL = "gemini-nano-banana-2.1"


@pytest.fixture
def server(server: GeminiServer, monkeypatch: pytest.MonkeyPatch) -> GeminiServer:
    monkeypatch.setitem(drawn.PIXELS, "1:1", (40, 40))  # a walk makes many pictures
    return server


@pytest.mark.django_db(transaction=True)
def test_killed_at_any_line_it_orders_once_and_loses_nothing(
    cast: Cast, server: GeminiServer
) -> None:
    whole = _walk(_order(cast, server), server)
    assert whole.run()
    assert len(set(whole.lines)) > 50
    for number in whole.last_lines():
        job = _order(cast, server)
        whole.work = _walk(job, server).work
        whole.killed_at(number)
        whole.work()
        _check(job, server)


def _walk(job: BatchJob, server: GeminiServer) -> Walk:
    def work() -> None:
        for _ in range(4):  # sent, looked at; and both again, where it was killed
            bulk_orders.follow(job_id=job.pk)

    return Walk(work, WALKED, lambda: len(server.batches.orders))


def _order(cast: Cast, server: GeminiServer) -> BatchJob:
    server.clear()
    name = Batch.objects.count()
    values = [f"red {name}", f"blue {name} [scenario:refuse_picture]"]
    return batch.submit_batch(
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
    assert good.turns.get().content["parts"]
    for cell in (good, refused):
        spent = cell.ledger.filter(kind__in=LedgerEntry.SPENT)
        assert spent.filter(kind="charged").count() == 1
        assert sum((entry.usd for entry in spent), Decimal(0)) == ledger.charged(cell)
