"""Batches in bulk: placed as one order with the engine, followed, and brought home.

An order's own name is in Postgres before it is sent, and is looked for at the engine before it is
sent again; each answer is kept once, in a transaction of its own. So this may be killed anywhere.
"""

from __future__ import annotations

import datetime
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from assetbank import jobs
from assetbank.errors import FileMissing, PictureRefused, ProblemError
from assetbank.text import parse_id
from generation.billing import ledger, prices
from generation.engines import Drawing, DrawRequest, catalog
from generation.engines.gemini import batch_api
from generation.errors import (
    EngineError,
    EngineFailed,
    EngineUnavailable,
    GenerationError,
    InvalidRequest,
    Refused,
)
from generation.models import Batch, BatchJob, Generation, Take
from generation.pipeline import draw, finalize_run, outputs, takes

logger = logging.getLogger(__name__)

State = BatchJob.State

MAX_ORDER_BYTES = 1_000_000_000  # bytes of pictures; Google takes files of 2 GB, in base64
SOONEST, LATEST = datetime.timedelta(seconds=30), datetime.timedelta(minutes=10)
GIVEN_UP_AFTER = datetime.timedelta(days=3)  # Google lets orders expire after two

# What whoever runs the site can mend while an order is at the engine
FOR_STAFF = {"bad_key", "leaked_key", "no_permission", "no_credit", "location", "not_configured"}

WAITS = "Waiting to be ordered in bulk."
ORDERED = "Ordered in bulk: it comes within a day, usually much sooner."
UNANSWERED = "The engine's order ended without an answer for this one. Try again: it is drawn now."
ENDINGS = {
    "FAILED": "The engine gave this order up. Try again: it is drawn now, at the full price.",
    "EXPIRED": "The engine did not get to this order in time. Try again: it is drawn now, at the "
    "full price.",
    "CANCELLED": "The order was cancelled.",
}


def submit_orders(batch: Batch) -> list[BatchJob]:
    """Have the queue order what waits of a batch, in the transaction in which it was asked for;
    several orders where one would be too large. Raises InvalidRequest."""
    if settings.GEMINI_USE_VERTEX:
        raise InvalidRequest(
            "Orders in bulk go through the Gemini API, and this site uses Vertex AI. Have it drawn "
            "now.",
            code="cannot_batch",
        )
    waiting = batch.generations.filter(state=Generation.State.QUEUED, batch_job=None)
    with transaction.atomic():
        return [_placed(batch, model, together) for model, together in _orders(list(waiting))]


def cancel_orders(batch: Batch) -> None:
    """Have the queue end the orders of a batch of which nothing is wanted any more."""
    for job in batch.jobs.filter(state__in=BatchJob.UNFINISHED):
        follow_now(job)


@transaction.atomic
def follow_now(job: BatchJob) -> None:
    """Have the queue see to an order at once instead of later."""
    jobs.withdraw(lock=_lock(job.pk))
    _defer(job)


def follow(job_id: int) -> None:
    """Send an order, or see how it is and bring home what came of it."""
    job = BatchJob.objects.select_related("batch").filter(pk=job_id).first()
    if job is None or job.state not in BatchJob.UNFINISHED:
        return
    try:
        if job.state == State.SUBMITTING:
            _send(job)
        else:
            _look(job)
    except EngineUnavailable as error:
        _wait(job, error.message)
    except (GenerationError, FileMissing) as error:
        if job.state == State.WAITING and error.code in FOR_STAFF:
            _wait(job, error.message)  # it is paid: whoever mends the settings still gets it
        else:
            _end(job, State.FAILED, error.message, {}, error)
    except Exception:
        logger.exception("batch job %d", job.pk)
        _wait(job, "Something broke while this was seen to. It will be tried again.")


def requeue_orphans() -> None:
    """Unfinished orders without a job in the queue."""
    unfinished = BatchJob.objects.filter(state__in=BatchJob.UNFINISHED)
    jobs.requeue_orphans(unfinished, lock=_lock, defer=_defer)


# ------------------------------------------------------------------------ placing


def _orders(waiting: list[Generation]) -> Iterator[tuple[str, list[Generation]]]:
    """By model, and no more together than fit."""
    for model in dict.fromkeys(each.model for each in waiting):
        together: list[Generation] = []
        size = 0
        for generation in (each for each in waiting if each.model == model):
            own = sum(generation.references.values_list("bytes", flat=True)) * generation.count
            if together and size + own > MAX_ORDER_BYTES:
                yield model, together
                together, size = [], 0
            together.append(generation)
            size += own
        yield model, together


def _placed(batch: Batch, model: str, together: list[Generation]) -> BatchJob:
    job = BatchJob.objects.create(
        batch=batch, model=model, display_name=f"assetbank-{batch.pk}-{uuid.uuid4().hex[:16]}"
    )
    Generation.objects.filter(pk__in=[each.pk for each in together]).update(
        batch_job=job, reason=WAITS
    )
    _defer(job)
    return job


def _defer(job: BatchJob, after: datetime.timedelta | None = None) -> None:
    jobs.defer("generation.tasks.follow", lock=_lock(job.pk), after=after, job_id=job.pk)


def _lock(pk: int) -> str:
    return f"batch-job-{pk}"


def _send(job: BatchJob) -> None:
    name: str | None = batch_api.find_batch(job.display_name)  # sent before a crash?
    if not name:
        name = batch_api.create_batch(
            display_name=job.display_name, model=job.model, requests=_requests(job)
        )
    if not name:
        _end(job, State.CANCELLED, "Nothing of it was left to order.", {}, None)
        return
    job.name, job.state = name, State.WAITING
    job.save(update_fields=["name", "state"])
    _wanted(job).update(reason=ORDERED)
    _wait(job, "")


def _requests(job: BatchJob) -> Iterator[tuple[str, DrawRequest]]:
    """What can be drawn of an order; what cannot fails with its reason, and holds up nothing."""
    one_size = len(catalog.get_model(job.model).image_sizes) < 2
    for pk in list(_wanted(job).values_list("pk", flat=True)):
        generation = Generation.objects.select_related("brand", "created_by").get(pk=pk)
        try:
            request = draw.draw_request(generation)
        except (GenerationError, FileMissing, PictureRefused) as error:
            finalize_run(generation, error)
            continue
        if one_size:  # such a model need not know the parameter, and may reject it
            request = replace(request, image_size="")
        for number in generation.missing:
            takes.record_asked(generation, number, request)
            yield _key(pk, number), request


def _wanted(job: BatchJob) -> QuerySet[Generation]:
    return job.generations.filter(state__in=Generation.UNFINISHED)


def _key(pk: int, number: int) -> str:
    return f"{pk}-{number}"


# ------------------------------------------------------------------------ following


def _look(job: BatchJob) -> None:
    order = batch_api.get_batch(job.name)
    if not order.done:
        if not _wanted(job).exists():
            batch_api.cancel_batch(job.name)
        _wait(job, "")
        return
    problems: dict[int, EngineError] = {}
    for key, answer in batch_api.iter_answers(order):
        if problem := _keep(job, key, answer):
            problems[int(key.partition("-")[0])] = problem
    sentence = ENDINGS.get(order.state, "")
    said = f' The service says: "{order.said}"' if order.said and order.state == "FAILED" else ""
    state = {"SUCCEEDED": State.FINISHED, "CANCELLED": State.CANCELLED}.get(
        order.state, State.FAILED
    )
    failure = EngineFailed(sentence or UNANSWERED, code=f"batch_{order.state.lower()}")
    _end(job, state, f"{sentence}{said}", problems, failure)


def _wait(job: BatchJob, reason: str) -> None:
    """Until it is seen to again: the longer it has taken already, the longer."""
    now = timezone.now()
    age = now - job.created_at
    if age > GIVEN_UP_AFTER:
        failure = EngineFailed(ENDINGS["EXPIRED"], code="batch_expired")
        _end(job, State.FAILED, ENDINGS["EXPIRED"], {}, failure)
        return
    with transaction.atomic():
        job.polled_at, job.reason = now, reason
        job.save(update_fields=["polled_at", "reason"])
        _defer(job, after=min(max(age / 10, SOONEST), LATEST))


def _keep(job: BatchJob, key: str, answer: Drawing | EngineError) -> EngineError | None:
    """Keep one answer, unless it is kept already; returns why there is no picture, where asking
    again may help."""
    pk, _, number = key.partition("-")
    if parse_id(pk) is None or parse_id(number) is None:
        logger.warning("order %s: an answer with the key %r", job.name, key[:80])
        return None
    with transaction.atomic():
        rows = job.generations.select_for_update(of=("self",)).select_related("brand", "created_by")
        generation = rows.filter(pk=int(pk)).first()
        if generation is None:
            return None
        take = generation.takes.filter(number=number).exclude(state=Take.State.ASKED).first()
        if take:
            return EngineFailed(take.reason, code=take.code) if take.unheard else None
        if isinstance(answer, Drawing):
            takes.record_answer(generation, int(number), answer, in_bulk=True)
            _note_saved(generation, answer)
        elif isinstance(answer, Refused):
            takes.record_refused(generation, int(number), answer, in_bulk=True)
        else:
            if answer.may_have_been_paid:
                takes.record_lost(generation, int(number), answer, in_bulk=True)
            return answer
    return None


def _note_saved(generation: Generation, answer: Drawing) -> None:
    if model := catalog.find_model(generation.model):
        price = partial(
            prices.price,
            answer.usage,
            model,
            pictures=len(answer.images),
            size=generation.image_size,
        )
        ledger.record_saved(generation, price() - price(in_bulk=True), note="in bulk")


def _end(
    job: BatchJob,
    state: str,
    reason: str,
    problems: dict[int, EngineError],
    failure: ProblemError | None,
) -> None:
    """Bring home what was kept, say of each generation how it ended, and then of the order."""
    rows = job.generations.select_related("brand", "created_by")
    for pk in list(rows.values_list("pk", flat=True)):
        generation = rows.get(pk=pk)
        if generation.finished:
            _late(generation)
            continue
        wanted = generation.missing and not generation.cancel_requested
        problem: ProblemError | None = problems.get(pk) or (failure if wanted else None)
        if isinstance(problem, EngineUnavailable):  # the order will not try again: a person may
            problem = EngineFailed(problem.message, code=problem.code, detail=problem.detail)
        finalize_run(generation, problem)
    job.state, job.reason, job.finished_at = state, reason, timezone.now()
    job.save(update_fields=["state", "reason", "finished_at"])


def _late(generation: Generation) -> None:
    """Cancelled meanwhile, and answered all the same: what came is paid, and is kept."""
    if generation.outputs.filter(asset=None, problem="", data__isnull=False).exists():
        outputs.store_outputs(generation)
        made = generation.outputs.exclude(asset=None).values("take").distinct().count()
        generation.reason = f"Cancelled; {made} of {generation.count} had been made already."
        generation.save(update_fields=["reason"])
