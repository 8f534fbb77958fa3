"""A generation worker is killed with -9 while an order in bulk is at the engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gemini_server import GeminiServer
from tests.processes import House, wait_until
from tests.test_faults_generation import LOOK_FOR_THE_DEAD, PEOPLE, forget_dead_workers, worker

pytestmark = pytest.mark.faults

ASK = """
from django.contrib.auth.models import User
from assetbank.models import Brand
from generation.workflows import batch
from generation.workflows.matrix import Matrix
made = batch.submit_batch(
    person=User.objects.get(), brand=Brand.objects.get(), model="gemini-3-pro-image",
    matrix=Matrix("A {colour} hat", variable="colour", values=["red", "blue"]),
    aspect_ratio="1:1", in_bulk=True,
)
print(made.pk)
"""
IN_STATE = "SELECT count(*) FROM generation_batchjob WHERE state = '{}'"
STORED = "SELECT count(*) FROM generation_output WHERE asset_id IS NOT NULL"
LATER = "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'"


@pytest.fixture(scope="module")
def server() -> Iterator[GeminiServer]:
    with GeminiServer() as server:
        yield server


@pytest.fixture(scope="module")
def house(server: GeminiServer) -> Iterator[House]:
    with House(GEMINI_BASE_URL=server.url, GEMINI_API_KEY="AIza-test-key-0123456789") as house:
        migrated = house.manage("migrate", "--verbosity=0")
        assert migrated.code == 0, migrated.output
        keeper = house.start_script(PEOPLE + "print('ready')\nimport time\ntime.sleep(600)")
        wait_until(lambda: "ready" in keeper.output or not keeper.alive, "the people are there")
        yield house


def test_another_worker_brings_home_what_a_dead_one_ordered(
    house: House, server: GeminiServer
) -> None:
    server.batches.outcome = "running"
    house.script(ASK)
    running = worker(house)
    wait_until(lambda: house.number(IN_STATE.format("waiting")) == 1, "it is ordered", every=0.05)
    running.kill()
    server.batches.outcome = "succeeded"
    forget_dead_workers(house)
    again = worker(house)
    house.script(LOOK_FOR_THE_DEAD)
    house.query(LATER)
    wait_until(lambda: house.number(IN_STATE.format("finished")) == 1, "it is home", every=0.1)
    assert house.number(STORED) == 2
    assert len(server.batches.orders) == 1
    again.interrupt()
    assert again.ended(20).code == 0
