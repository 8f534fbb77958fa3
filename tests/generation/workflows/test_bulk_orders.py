"""Bulk orders, over HTTP to the stand-in's batch API with the real SDK."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from assetbank.models import Asset
from generation.billing import ledger, prices
from generation.engines import DrawRequest, catalog
from generation.engines.gemini import batch_api
from generation.errors import InvalidRequest
from generation.models import Batch, BatchJob, Generation, LedgerEntry, Turn
from generation.pipeline import (
    cancel_generation,
    requeue_orphans,
    retry_generation,
    run_generation,
    submit,
)
from generation.workflows import Matrix, bulk_orders, refine, stop_batch, submit_batch
from tests.conftest import Cast
from tests.gemini_server import GeminiServer
from tests.support.api import client_of

MakeAsset = Callable[..., Asset]
MODEL = "gemini-nano-banana-2.1"


@pytest.fixture
def order(cast: Cast, server: GeminiServer, make_asset: MakeAsset) -> Callable[..., BatchJob]:
    """Return a function that creates a bulk order with a cell for each prompt, not sent yet:
    `order("A cape", "A hat")`."""

    def ordering(*prompts: str, count: int = 1, model: str = MODEL) -> BatchJob:
        batch = Batch.objects.create(
            brand=cast.acme, title="All of it", kind="values", in_bulk=True, created_by=cast.creator
        )
        reference = make_asset()
        for prompt in prompts:
            submit(
                person=cast.creator,
                brand=cast.acme,
                prompt=prompt,
                references=[reference],
                model=model,
                aspect_ratio="1:1",
                count=count,
                batch=batch,
                label=prompt,
            )
        (job,) = bulk_orders.submit_orders(batch)
        return job

    return ordering


Order = Callable[..., BatchJob]


def follow(job: BatchJob) -> BatchJob:
    bulk_orders.advance_order(job_id=job.pk)
    job.refresh_from_db()
    return job


def cells(job: BatchJob) -> list[Generation]:
    return list(Generation.objects.filter(batch=job.batch_id).order_by("pk"))


def placed(server: GeminiServer) -> int:
    return sum(request.scenario == "batch" for request in server.requests)


def made(generation: Generation) -> list[Asset]:
    return [output.asset for output in generation.outputs.all() if output.asset]


def queued() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT task_name, lock FROM procrastinate_jobs WHERE queue_name='generate'")
        return [tuple(row) for row in cursor.fetchall()]


def test_asking_queues_one_order_and_draws_nothing_by_itself(
    order: Order, server: GeminiServer
) -> None:
    job = order("A cape", "A hat")
    assert queued() == [("generation.tasks.follow", f"batch-job-{job.pk}")]
    assert [cell.state for cell in cells(job)] == ["queued", "queued"]
    requeue_orphans()  # an ordered generation is no orphan
    assert len(queued()) == 1
    assert server.requests == []


def test_results_come_home_as_live_ones_do_at_half_the_price(
    order: Order, server: GeminiServer, cast: Cast
) -> None:
    job = follow(order("A cape", "A hat", count=2))
    assert (job.state, job.name) == ("waiting", "batches/order1")
    assert "within a day" in cells(job)[0].reason
    job = follow(job)
    assert (job.state, job.reason) == ("finished", "")
    for cell in cells(job):
        assert (cell.state, cell.reason) == ("succeeded", "")
        assert len(made(cell)) == 2
        assert Turn.objects.filter(take__generation=cell).count() == 2
    row = catalog.get_model(MODEL)
    take = cells(job)[0].takes.get(number=0)
    charged = LedgerEntry.objects.get(kind="charged", take=take)
    full = prices.price(take.usage, row, pictures=1)
    assert charged.usd == (full / 2).quantize(charged.usd)
    saved = LedgerEntry.objects.filter(kind="saved", generation=cells(job)[0])
    assert [entry.usd for entry in saved] == [full - charged.usd] * 2
    assert ledger.reserved_usd(cells(job)[0]) == 0
    # the output can be edited without a bulk order
    output = cells(job)[0].outputs.first()
    assert output
    asked = refine.submit_refinement(person=cast.creator, output=output, words="Swap the hat")
    run_generation(generation_id=asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == ("succeeded", "")


def test_a_large_order_goes_and_comes_as_a_file(
    order: Order, server: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_api, "MAX_INLINE_BYTES", 1000)
    job = follow(follow(order("A cape", "A hat [scenario:refuse_picture]")))
    assert server.batches.orders[job.name].in_file
    assert [cell.state for cell in cells(job)] == ["succeeded", "refused"]
    assert job.state == "finished"


def test_single_failures_are_told_as_live_ones_are_and_stop_nothing(
    order: Order, server: GeminiServer, cast: Cast
) -> None:
    job = follow(
        follow(
            order(
                "A cape",
                "A hat [scenario:refuse_prompt]",
                "A scarf [scenario:internal_error]",
                "A coat [scenario:bad_base64]",
            )
        )
    )
    assert job.state == "finished"
    good, refused, broken, damaged = cells(job)
    assert (good.state, refused.state) == ("succeeded", "refused")
    assert refused.reason_code == "prohibited_content"
    assert (broken.state, broken.reason_code) == ("failed", "service_error")
    assert (damaged.state, damaged.reason_code) == ("failed", "bad_image")
    broken.prompt = "A scarf"
    broken.save()
    broken = retry_generation(person=cast.creator, generation=broken)
    assert ("generation.tasks.run", f"generation-{broken.pk}") in queued()
    run_generation(generation_id=broken.pk)
    broken.refresh_from_db()
    assert broken.state == "succeeded"


def test_a_cell_that_cannot_be_sent_fails_alone(
    order: Order, server: GeminiServer, cast: Cast, make_asset: MakeAsset
) -> None:
    job = order("A cape", "A hat")
    gone = cells(job)[0].reference_rows.get()
    gone.asset = None
    gone.save()
    job = follow(follow(job))
    assert [cell.state for cell in cells(job)] == ["failed", "succeeded"]
    assert cells(job)[0].reason_code == "reference_gone"


@pytest.mark.parametrize("outcome", ["failed", "expired"])
def test_an_order_that_comes_to_nothing_says_so_and_can_be_drawn_live(
    order: Order, server: GeminiServer, cast: Cast, outcome: str
) -> None:
    job = follow(order("A cape"))
    server.batches.outcome = outcome
    job = follow(job)
    assert job.state == "failed"
    (cell,) = cells(job)
    assert (cell.state, cell.reason_code) == ("failed", f"batch_{outcome}")
    assert "Retry" in cell.reason
    assert ("Internal error" in job.reason) == (outcome == "failed")
    assert ledger.reserved_usd(cell) == 0
    retry_generation(person=cast.creator, generation=cell)
    run_generation(generation_id=cell.pk)
    cell.refresh_from_db()
    assert cell.state == "succeeded"


def test_an_order_whose_receipt_was_lost_is_found_and_not_placed_again(
    order: Order, server: GeminiServer
) -> None:
    server.drop_receipts = True
    job = follow(order("A cape"))
    assert (job.state, job.name, placed(server)) == ("submitting", "", 1)
    assert "was lost" in job.reason
    server.drop_receipts = False
    job = follow(follow(job))
    assert (job.state, placed(server)) == ("finished", 1)
    assert [cell.state for cell in cells(job)] == ["succeeded"]


def test_a_worker_that_died_before_it_wrote_the_name_down_orders_nothing_twice(
    order: Order, server: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = order("A cape")

    def die(*args: object, **fields: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(BatchJob, "save", die)
        with pytest.raises(KeyboardInterrupt):
            follow(job)
    assert placed(server) == 1
    for number in range(30):  # found among other orders, on any page of the list
        batch_api.create_batch(
            display_name=f"other {number}", model=MODEL, requests=iter_requests(job)
        )
    monkeypatch.setattr(batch_api, "PAGE", 10)
    job = follow(job)
    assert (job.state, job.name, placed(server)) == ("waiting", "batches/order1", 31)


def iter_requests(job: BatchJob) -> Iterator[tuple[str, DrawRequest]]:
    yield "x", DrawRequest("A", (), MODEL, "1:1", "")


def test_a_worker_that_died_midway_brings_home_the_rest_once(
    order: Order, server: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = follow(order("A cape", "A hat", "A scarf"))
    record = bulk_orders._record
    seen: list[str] = []

    def die_at_the_third(*args: object) -> object:
        seen.append("answer")
        if len(seen) == 3:
            raise KeyboardInterrupt
        return record(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(bulk_orders, "_record", die_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            follow(job)
    assert sum(len(cell.ended_takes) for cell in cells(job)) == 2
    job = follow(job)
    assert [len(made(cell)) for cell in cells(job)] == [1, 1, 1]
    assert LedgerEntry.objects.filter(kind="charged").count() == 3
    follow(job)  # a second run changes nothing
    assert LedgerEntry.objects.filter(kind="charged").count() == 3


def test_while_it_waits_it_is_looked_at_ever_less_often_and_never_forgotten(
    order: Order, server: GeminiServer
) -> None:
    job = follow(order("A cape"))
    server.batches.outcome = "running"
    job = follow(job)
    assert job.state == "waiting"
    assert job.polled_at
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(scheduled_at) - now() FROM procrastinate_jobs")
        assert 20 < cursor.fetchone()[0].total_seconds() < 40
        cursor.execute("DELETE FROM procrastinate_jobs")  # a crash that loses even the queue
    BatchJob.objects.update(created_at=job.polled_at - timedelta(hours=20))
    bulk_orders.requeue_orphans()
    assert queued() == [("generation.tasks.follow", f"batch-job-{job.pk}")]
    follow(job)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(scheduled_at) - now() FROM procrastinate_jobs")
        assert 590 < cursor.fetchone()[0].total_seconds() < 610
    server.batches.outcome = "succeeded"
    assert follow(job).state == "finished"


def test_cancelling_before_it_is_sent_orders_nothing(
    order: Order, server: GeminiServer, cast: Cast
) -> None:
    job = order("A cape")
    cancel_generation(person=cast.creator, generation=cells(job)[0])
    bulk_orders.cancel_orders(job.batch)
    assert follow(job).state == "cancelled"
    assert placed(server) == 0


def test_cancelling_an_order_ends_it_at_the_engine(
    order: Order, server: GeminiServer, cast: Cast
) -> None:
    job = follow(order("A cape", "A hat"))
    server.batches.outcome = "running"
    cancel_generation(person=cast.creator, generation=cells(job)[0])
    follow(job)
    assert not server.batches.orders[job.name].done  # the other cell is still active
    cancel_generation(person=cast.creator, generation=cells(job)[1])
    bulk_orders.cancel_orders(job.batch)
    with pytest.raises(InvalidRequest, match="still part of a running bulk order"):
        retry_generation(person=cast.creator, generation=cells(job)[1])
    follow(job)
    assert server.batches.orders[job.name].state == "CANCELLED"
    assert follow(job).state == "cancelled"
    assert [cell.state for cell in cells(job)] == ["cancelled", "cancelled"]


def test_what_was_made_before_the_cancelling_arrived_is_kept_and_charged(
    order: Order, server: GeminiServer, cast: Cast
) -> None:
    job = follow(order("A cape", "A hat"))
    cancel_generation(person=cast.creator, generation=cells(job)[0])
    job = follow(job)
    first = cells(job)[0]
    assert (first.state, len(made(first))) == ("cancelled", 1)
    assert "1 of 1 had already been generated" in first.reason
    assert ledger.charged_usd(first) > 0
    assert ledger.reserved_usd(first) == 0


def test_a_busy_engine_is_asked_again_and_a_wrong_key_is_not(
    order: Order, server: GeminiServer, settings: Settings
) -> None:
    job = order("A cape")
    settings.GEMINI_BASE_URL = "http://127.0.0.1:1"
    job = follow(job)
    assert job.state == "submitting"
    assert "cannot be reached" in job.reason
    settings.GEMINI_BASE_URL, settings.GEMINI_API_KEY = server.url, "bad-key"
    job = follow(job)
    assert job.state == "failed"
    assert [cell.reason_code for cell in cells(job)] == ["bad_key"]


def test_an_order_at_the_engine_outlives_a_wrong_key_and_the_page_says_what_it_waits_for(
    order: Order, cast: Cast, server: GeminiServer, settings: Settings
) -> None:
    job = follow(order("A cape"))
    client, address = Client(), f"/batches/{job.batch_id}/progress/"
    client.force_login(cast.creator)
    page = client.get(f"/batches/{job.batch_id}/").content.decode()
    have = re.findall(r'name="m" value="(\w+)"', page)
    assert client.get(address, {"m": have}).status_code == 204
    settings.GEMINI_API_KEY = "bad-key"
    job = follow(job)
    assert job.state == "waiting"
    assert "does not accept this site" in client.get(address, {"m": have}).content.decode()
    (told,) = client_of(cast, "creator").get(f"/api/v1/batches/{job.batch_id}/").json()["orders"]
    assert (told["status"], told["reason"]) == ("waiting", job.reason)
    settings.GEMINI_API_KEY = "AIza-a-key-for-tests"
    assert follow(job).state == "finished"
    assert placed(server) == 1
    assert len(made(cells(job)[0])) == 1


def test_vertex_takes_no_orders(order: Order, settings: Settings) -> None:
    settings.GEMINI_USE_VERTEX = True
    with pytest.raises(InvalidRequest, match="Generate now"):
        order("A cape")


def test_staff_see_orders_and_have_one_looked_at_now(
    order: Order, server: GeminiServer, admin_client: Client
) -> None:
    job = follow(order("A cape"))
    page = admin_client.get("/admin/generation/batchjob/").content.decode()
    assert job.display_name in page
    action = {"action": "look_now", "_selected_action": [job.pk]}
    admin_client.post("/admin/generation/batchjob/", action)
    assert queued() == [("generation.tasks.follow", f"batch-job-{job.pk}")]
    job = follow(job)
    turn = Turn.objects.get(take__generation=cells(job)[0])
    assert "thoughtSignature" in (
        admin_client.get(f"/admin/generation/turn/{turn.pk}/change/").content.decode()
    )


def test_a_matrix_is_ordered_with_its_request_and_stopped_as_a_whole(
    cast: Cast, server: GeminiServer
) -> None:
    matrix = Matrix("A {colour} cape", variable="colour", values=["red", "blue"])
    batch = submit_batch(
        person=cast.creator,
        brand=cast.acme,
        matrix=matrix,
        model=MODEL,
        aspect_ratio="1:1",
        in_bulk=True,
    )
    job = follow(batch.jobs.get())
    client = Client()
    client.force_login(cast.creator)
    assert ("The provider received the bulk order") in client.get(
        f"/batches/{batch.pk}/"
    ).content.decode()
    waits = client.get(f"/generations/{cells(job)[0].pk}/").content.decode()
    assert "Sent as a bulk order" in waits
    assert "starting in a moment" not in waits
    server.batches.outcome = "running"
    stop_batch(person=cast.creator, batch=batch)
    follow(job)
    assert server.batches.orders[job.name].state == "CANCELLED"
    assert follow(job).state == "cancelled"
