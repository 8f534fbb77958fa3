"""Background jobs of the studio; those that draw are in the queue `generate`."""

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

INSPECTION_SECONDS = 5  # Maximum per job, so that other jobs of this queue are not delayed


class RetryUnavailable(BaseRetryStrategy):
    """Retry strategy for the job queue: only after EngineUnavailable; `pipeline.finish` limits the
    number of attempts."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if not isinstance(exception, EngineUnavailable):
            return None
        seconds = finish.backoff(attempts=job.attempts, error=exception)
        return RetryDecision(retry_in={"seconds": int(seconds) + 1})


@app.task(name="generation.tasks.run", queue="generate", retry=RetryUnavailable())
def run(generation_id: int) -> None:
    run_generation(generation_id=generation_id)


@app.task(name="generation.tasks.follow", queue="generate")
def advance_order(job_id: int) -> None:
    """Do the next step of a bulk order: send it, or poll it and record its answers."""
    bulk_orders.advance_order(job_id=job_id)


@app.periodic(cron="* * * * *")
@app.task(
    name="generation.tasks.take_up_left_behind",
    queue="house",
    queueing_lock="take_up_left_behind",
    pass_context=False,
)
def requeue_all_orphans(timestamp: int) -> None:
    """Queue jobs for unfinished generations, bulk orders and webhook deliveries that have none."""
    requeue_orphans()
    bulk_orders.requeue_orphans()
    webhooks.requeue_orphans()


@app.task(name="generation.tasks.deliver", queue="house")
def deliver(delivery_id: str) -> None:
    webhooks.deliver(delivery_id=delivery_id)


@app.periodic(cron="27 * * * *")
@app.task(
    name="generation.tasks.forget_deliveries",
    queue="house",
    queueing_lock="forget_deliveries",
    pass_context=False,
)
def delete_old_deliveries(timestamp: int) -> None:
    webhooks.delete_old_deliveries()


@app.periodic(cron="* * * * * */5")
@app.task(
    name="generation.tasks.inspect_waiting",
    queue="index",
    queueing_lock="inspect_waiting",
    lock="inspect",
    pass_context=False,
)
def inspect_pending(timestamp: int) -> None:
    """Run the brand check on new outputs, in the queue whose workers have loaded the encoder."""
    end = time.monotonic() + INSPECTION_SECONDS
    inspect.inspect_pending(stop=lambda: time.monotonic() > end)
