"""A worker that is killed at any line: nothing that had arrived is lost, or paid for again.

An exception that nothing catches stands for the kill: whatever is not committed is rolled back, as
PostgreSQL does for a process that is gone.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from types import CodeType, FrameType
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from assetbank.models import Asset
from generation import drawing, ending, money, quotas, studio
from generation.models import Generation, LedgerEntry, Output
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.gemini_server import drawing as drawn

WALKED = {module.__file__ for module in (studio, drawing, ending, money, quotas)}
PICTURES = 2
Line = tuple[str, int]  # its file and number


class Killed(BaseException):
    pass


@dataclass
class Walk:
    """One worker with a connection of its own, killed before the line of that number is run."""

    until: int | None = None
    lines: list[Line] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)  # from the killed line outwards

    def run(self, generation: Generation) -> bool:
        """False: it was killed on the way."""
        with ThreadPoolExecutor(1) as worker:
            return worker.submit(self._work, generation.pk).result()

    def _work(self, generation_id: int) -> bool:
        sys.settrace(self._call)
        try:
            studio.run(generation_id=generation_id)
        except Killed:
            return False
        finally:
            sys.settrace(None)
            connection.close()  # which ends its transaction
        return True

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in WALKED else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            if len(self.lines) == self.until:
                self.calls = [f"{each.co_name}:{line}" for each, line in _stack(frame)]
                raise Killed
            self.lines.append((frame.f_code.co_filename, frame.f_lineno))
        return self._line


def _stack(frame: FrameType) -> Iterator[tuple[CodeType, int]]:
    return ((each.f_code, line) for each, line in traceback.walk_stack(frame))


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiServer]:
    monkeypatch.setitem(drawn.PIXELS, "1:1", (40, 40))  # a walk makes hundreds of pictures
    with GeminiServer() as server:
        settings.GEMINI_API_KEY = "AIza-a-key-for-tests"
        settings.GEMINI_BASE_URL = server.url
        yield server


@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_killed_at_any_line_it_loses_nothing_and_pays_for_nothing_twice(
    cast: Cast, server: GeminiServer
) -> None:
    """Each line once, where it is run for the last time: what came before has then arrived."""
    walked: set[Line] = set()
    windows = 0
    for second in ("success", "refuse_picture"):
        whole = Walk()
        assert whole.run(_ask(cast, server, second, "whole"))
        last = {line: number for number, line in enumerate(whole.lines)}
        for number in sorted(last[line] for line in last.keys() - walked):
            windows += _killed_at(cast, server, second, number)
        walked |= last.keys()
    assert windows
    assert len(walked) > 100


def _killed_at(cast: Cast, server: GeminiServer, second: str, number: int) -> int:
    """Whether that was in the only window: the answer is there, and not yet committed."""
    generation = _ask(cast, server, second, f"{second} {number}")
    walk = Walk(until=number)
    assert not walk.run(generation), "the same lines each time"
    generation.refresh_from_db()
    lost = len(server.requests) - len(generation.takes)
    if lost:
        assert lost == 1, walk.calls
        assert any(call.startswith("take_picture:") for call in walk.calls), walk.calls
    if not generation.finished:
        assert Walk().run(generation)
    assert len(server.requests) == PICTURES + lost, walk.calls
    _check(generation, str(walk.calls))
    return lost


def _ask(cast: Cast, server: GeminiServer, second: str, name: str) -> Generation:
    server.clear()
    server.script("success", second)
    return studio.request(
        person=cast.creator,
        brand=cast.acme,
        prompt=f"A red cape {name}",
        model="gemini-nano-banana-2.1",
        aspect_ratio="1:1",
        count=PICTURES,
    )


def _check(generation: Generation, place: str) -> None:
    generation.refresh_from_db()
    assert generation.state == "succeeded", (place, generation.reason)
    assert len(generation.takes) == PICTURES, place
    arrived = [take for take in generation.takes.values() if "refused" not in take]
    outputs = list(Output.objects.filter(generation=generation))
    assert len(outputs) == len(arrived), place
    assert all(output.asset_id and output.data is None for output in outputs), place
    made = Asset.objects.filter(generation_id=generation.pk)
    assert {output.asset_id for output in outputs} == set(made.values_list("pk", flat=True)), place
    assert made.count() == len(outputs), place
    spent = generation.ledger.filter(kind__in=LedgerEntry.SPENT)
    assert spent.filter(kind="charged").count() == PICTURES, place
    assert sum((entry.usd for entry in spent), Decimal(0)) == money.charged(generation), place
