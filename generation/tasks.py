"""Background jobs of generation: those that draw on the queue `generate`."""

from __future__ import annotations

import time

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from generation import webhooks
from generation.errors import EngineUnavailable
from generation.pipeline import finish, requeue_orphans, run_generation
from generation.review import inspect
from generation.workflows import bulk_orders

INSPECTING_SECONDS = 5  # of one job: the others on this queue want their turn


class EngineIsBack(BaseRetryStrategy):
    """Only EngineUnavailable asks for another attempt; `studio.run` decides how many there are."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if not isinstance(exception, EngineUnavailable):
            return None
        seconds = finish.backoff(attempts=job.attempts, error=exception)
        return RetryDecision(retry_in={"seconds": int(seconds) + 1})


@app.task(name="generation.tasks.run", queue="generate", retry=EngineIsBack())
def run(generation_id: int) -> None:
    run_generation(generation_id=generation_id)


@app.task(name="generation.tasks.follow", queue="generate")
def follow(job_id: int) -> None:
    bulk_orders.follow(job_id=job_id)


@app.periodic(cron="* * * * *")
@app.task(queue="house", queueing_lock="take_up_left_behind", pass_context=False)
def take_up_left_behind(timestamp: int) -> None:
    requeue_orphans()
    bulk_orders.requeue_orphans()
    webhooks.requeue_orphans()


@app.task(name="generation.tasks.deliver", queue="house")
def deliver(delivery_id: str) -> None:
    webhooks.deliver(delivery_id=delivery_id)


@app.periodic(cron="27 * * * *")
@app.task(queue="house", queueing_lock="forget_deliveries", pass_context=False)
def forget_deliveries(timestamp: int) -> None:
    webhooks.delete_old_deliveries()


@app.periodic(cron="* * * * * */5")
@app.task(queue="index", queueing_lock="inspect_waiting", lock="inspect", pass_context=False)
def inspect_waiting(timestamp: int) -> None:
    """On the queue whose workers have the encoder."""
    end = time.monotonic() + INSPECTING_SECONDS
    inspect.inspect_pending(stop=lambda: time.monotonic() > end)
