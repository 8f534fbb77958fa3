"""A worker that is killed at any line while it orders in bulk, or brings home: nothing is ordered
twice, nothing that was answered is lost or charged twice.

An exception that nothing catches stands for the kill, as in `test_killed`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from types import FrameType
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from generation import batches, bulk, money
from generation.matrix import Matrix
from generation.models import BatchJob, LedgerEntry
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.gemini_server import drawing as drawn
from tests.generation.test_killed import Killed, Line

WALKED = {bulk.__file__}
MODEL = "gemini-nano-banana-2.1"


class Walk:
    """One worker with a connection of its own, killed before the line of that number is run."""

    def __init__(self, until: int | None = None) -> None:
        self.until = until
        self.lines: list[Line] = []

    def run(self, job: BatchJob) -> None:
        with ThreadPoolExecutor(1) as worker:
            worker.submit(self._work, job.pk).result()

    def _work(self, job_id: int) -> None:
        sys.settrace(self._call)
        try:
            for _ in range(4):  # sent, looked at; and both again, where it was killed
                bulk.follow(job_id=job_id)
        except Killed:
            return
        finally:
            sys.settrace(None)
            connection.close()  # which ends its transaction

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in WALKED else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            if len(self.lines) == self.until:
                raise Killed
            self.lines.append((frame.f_code.co_filename, frame.f_lineno))
        return self._line


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiServer]:
    monkeypatch.setitem(drawn.PIXELS, "1:1", (40, 40))  # a walk makes hundreds of pictures
    with GeminiServer() as server:
        settings.GEMINI_API_KEY = "AIza-a-key-for-tests"
        settings.GEMINI_BASE_URL = server.url
        yield server


@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_killed_at_any_line_it_orders_once_and_loses_nothing(
    cast: Cast, server: GeminiServer
) -> None:
    whole = Walk()
    whole.run(_order(cast, server, "whole"))
    last = {line: number for number, line in enumerate(whole.lines)}
    assert len(last) > 50
    for number in sorted(last.values()):
        job = _order(cast, server, str(number))
        Walk(until=number).run(job)
        Walk().run(job)
        _check(job, server, whole.lines[number])


def _order(cast: Cast, server: GeminiServer, name: str) -> BatchJob:
    server.clear()
    values = [f"red {name}", f"blue {name} [scenario:refuse_picture]"]
    return batches.request(
        person=cast.creator,
        brand=cast.acme,
        matrix=Matrix("A {colour} cape", variable="colour", values=values),
        model=MODEL,
        aspect_ratio="1:1",
        in_bulk=True,
    ).jobs.get()


def _check(job: BatchJob, server: GeminiServer, place: Line) -> None:
    job.refresh_from_db()
    assert (job.state, len(server.batches.orders)) == ("finished", 1), place
    good, refused = job.generations.order_by("pk")
    assert (good.state, refused.state) == ("succeeded", "refused"), place
    (output,) = good.outputs.all()
    assert output.asset_id, place
    assert output.data is None, place
    assert good.turns.get().content["parts"], place
    for cell in (good, refused):
        spent = cell.ledger.filter(kind__in=LedgerEntry.SPENT)
        assert spent.filter(kind="charged").count() == 1, place
        assert sum((entry.usd for entry in spent), Decimal(0)) == money.charged(cell), place
