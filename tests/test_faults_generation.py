"""A generation worker is killed with SIGKILL, and no image is paid for twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gemini_server import GeminiServer
from tests.support.processes import House, Running, kill, wait_until

pytestmark = pytest.mark.faults

PEOPLE = """
from django.contrib.auth.models import User
from assetbank.models import Brand
Brand.objects.create(name="Acme", slug="acme")
User.objects.create_superuser("ann", password="secret")
"""
ASK = """
from django.contrib.auth.models import User
from assetbank.models import Brand
from generation.pipeline import submit
made = submit(
    person=User.objects.get(), brand=Brand.objects.get(), prompt="A red hat {prompt}",
    model="gemini-3-pro-image", aspect_ratio="1:1", count=3,
)
print(made.pk)
"""
LOOK_FOR_THE_DEAD = """
import contextlib
from procrastinate.exceptions import AlreadyEnqueued
from assetbank.tasks import retry_stalled
with contextlib.suppress(AlreadyEnqueued):
    retry_stalled.defer(timestamp=0)
"""
ARRIVED = "SELECT count(*) FROM generation_output WHERE generation_id = {}"
STORED = ARRIVED + " AND asset_id IS NOT NULL"
TRY_AGAIN = """
from django.contrib.auth.models import User
from generation.pipeline import retry_generation
from generation.models import Generation
retry_generation(person=User.objects.get(), generation=Generation.objects.get(pk={}))
"""
GIVEN_UP = (
    "SELECT count(*) FROM generation_generation WHERE id = {} AND reason_code = 'worker_ended'"
)
MAY_HAVE_BEEN_BILLED = (
    "SELECT count(*) FROM generation_ledgerentry "
    "WHERE generation_id = {} AND kind = 'charged' AND note LIKE '%may have been billed%'"
)
DONE = "SELECT count(*) FROM generation_generation WHERE id = {} AND state = 'succeeded'"

ASK_IN_BULK = """
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
STORED_OF_BULK = (
    "SELECT count(*) FROM generation_output "
    "JOIN generation_generation ON generation_generation.id = generation_id "
    "WHERE batch_id = {} AND asset_id IS NOT NULL"
)
LATER = "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'"


@pytest.fixture(scope="module")
def server() -> Iterator[GeminiServer]:
    with GeminiServer(slow_s=1.0) as server:
        yield server


@pytest.fixture(scope="module")
def house(server: GeminiServer) -> Iterator[House]:
    gemini = {"GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": "AIza-test-key-0123456789"}
    with House(migrated=True, **gemini) as house:
        keeper = house.start_script(PEOPLE + "print('ready')\nimport time\ntime.sleep(600)")
        wait_until(lambda: "ready" in keeper.output or not keeper.alive, "the people are there")
        yield house


@pytest.fixture(autouse=True)
def no_worker_is_left(house: House) -> Iterator[None]:
    yield
    for process in house.processes():
        if "procrastinate" in process.cmdline():
            kill(process)


def worker(house: House) -> Running:
    return house.start("procrastinate", "worker", "--concurrency", "1", "-q", "generate,house")


def forget_dead_workers(house: House) -> None:
    """Set the last heartbeats back, so that the killed worker counts as stopped at once."""
    house.query("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")


def resumed(house: House, pk: int, *, drawing: bool = False) -> None:
    """Check that a new worker finishes what the killed one began. With `drawing`, an image was
    being drawn at the kill: that take is abandoned, and a user retries the generation."""
    forget_dead_workers(house)
    again = worker(house)
    house.script(LOOK_FOR_THE_DEAD)
    if drawing:
        wait_until(lambda: house.number(GIVEN_UP.format(pk)), "it is given up", every=0.1)
        assert house.number(MAY_HAVE_BEEN_BILLED.format(pk)) == 1
        house.script(TRY_AGAIN.format(pk))
    wait_until(lambda: house.number(DONE.format(pk)), "it is done", every=0.1)
    assert house.number(STORED.format(pk)) == 3
    again.interrupt()
    assert again.ended(20).code == 0


def test_a_worker_killed_while_the_second_picture_is_drawn_keeps_the_first(
    house: House, server: GeminiServer
) -> None:
    server.clear()
    pk = int(house.script(ASK.format(prompt="[scenario:slow]")))
    running = worker(house)
    wait_until(lambda: house.number(ARRIVED.format(pk)) == 1, "one has arrived", every=0.01)
    wait_until(lambda: len(server.requests) == 2, "the second is asked for", every=0.01)
    running.kill()
    assert house.number(ARRIVED.format(pk)) == 1
    resumed(house, pk, drawing=True)
    # three images, and the take whose answer no worker received
    assert len(server.requests) == 4


def test_a_worker_killed_between_the_answers_and_the_library_asks_for_nothing_again(
    house: House, server: GeminiServer
) -> None:
    server.clear()
    pk = int(house.script(ASK.format(prompt="with a feather")))
    running = worker(house)
    wait_until(lambda: house.number(ARRIVED.format(pk)) == 3, "all arrived", every=0.002)
    running.kill()
    assert house.number(STORED.format(pk)) < 3
    assert not house.number(DONE.format(pk))
    resumed(house, pk)
    assert len(server.requests) == 3


def test_a_dead_workers_job_whose_twin_waits_already_does_not_hold_up_the_others(
    house: House, server: GeminiServer
) -> None:
    server.clear()
    pk = int(house.script(ASK.format(prompt="with a brim [scenario:slow]")))
    running = worker(house)
    wait_until(lambda: server.requests, "it works", every=0.01)
    running.kill()
    # the killed worker also held a periodic job, and another of its kind has been queued since
    house.query(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, status) VALUES "
        "('index', 'search.tasks.check_index', 'twin', 'doing'), "
        "('index', 'search.tasks.check_index', 'twin', 'todo')"
    )
    resumed(house, pk, drawing=True)
    left = "SELECT count(*) FROM procrastinate_jobs WHERE queueing_lock = 'twin'"
    assert house.number(left) == 1


def test_another_worker_brings_home_what_a_dead_one_ordered(
    house: House, server: GeminiServer
) -> None:
    server.clear()
    server.batches.outcome = "running"
    batch = int(house.script(ASK_IN_BULK))
    running = worker(house)
    wait_until(lambda: house.number(IN_STATE.format("waiting")) == 1, "it is ordered", every=0.05)
    running.kill()
    server.batches.outcome = "succeeded"
    forget_dead_workers(house)
    again = worker(house)
    house.script(LOOK_FOR_THE_DEAD)
    house.query(LATER)
    wait_until(lambda: house.number(IN_STATE.format("finished")) == 1, "it is home", every=0.1)
    assert house.number(STORED_OF_BULK.format(batch)) == 2
    assert len(server.batches.orders) == 1
    again.interrupt()
    assert again.ended(20).code == 0
