"""Bulk orders: batches sent through the engine's batch API, polled, and their answers stored.

An order's unique display name is in PostgreSQL before the order is sent, and is looked up at the
engine before it is sent again; each answer is recorded once, in a transaction of its own. So a
worker may be killed at any line.
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
from generation.pipeline import conclude_generation, draw, outputs, takes

logger = logging.getLogger(__name__)

State = BatchJob.State

# Maximum bytes of reference images per order: Google accepts files of 2 GB, with images in base64
MAX_ORDER_BYTES = 1_000_000_000
MIN_POLL_INTERVAL = datetime.timedelta(seconds=30)
MAX_POLL_INTERVAL = datetime.timedelta(minutes=10)
MAX_ORDER_AGE = datetime.timedelta(days=3)  # Google lets orders expire after two days

# Codes of errors that an administrator can fix while an order is at the engine
FIXABLE = {"bad_key", "leaked_key", "no_permission", "no_credit", "location", "not_configured"}

WAITS = "Waiting to be sent as a bulk order."
ORDERED = "Sent as a bulk order: delivered within a day, usually much sooner."
UNANSWERED = "The bulk order ended without a result for this one. Retry: it is generated now."
ENDINGS = {
    "FAILED": "The bulk order failed at the provider. Retry: it is generated now, at full price.",
    "EXPIRED": "The provider did not finish this bulk order in time. Retry: it is generated "
    "now, at full price.",
    "CANCELLED": "The bulk order was cancelled.",
}


def submit_orders(batch: Batch) -> list[BatchJob]:
    """Queue the waiting generations of a batch as bulk orders, in the caller's transaction: several
    orders if one would be too large. Raises InvalidRequest."""
    if settings.GEMINI_USE_VERTEX:
        raise InvalidRequest(
            "Bulk orders need the Gemini API, and this site uses Vertex AI. Generate now instead.",
            code="cannot_batch",
        )
    waiting = batch.generations.filter(state=Generation.State.QUEUED, batch_job=None)
    with transaction.atomic():
        return [_place(batch, model, group) for model, group in _group(list(waiting))]


def cancel_orders(batch: Batch) -> None:
    """Queue a poll of each unfinished order of a batch now: the poll cancels at the engine the
    orders whose generations have all ended."""
    for job in batch.jobs.filter(state__in=BatchJob.UNFINISHED):
        queue_poll_now(job)


@transaction.atomic
def queue_poll_now(job: BatchJob) -> None:
    """Queue the next poll of an order without its delay."""
    jobs.cancel_waiting(lock=_lock(job.pk))
    _defer(job)


def advance_order(job_id: int) -> None:
    """Do the next step of an order: send it, or poll it and record its answers; nothing if it has
    ended. Queues the step after that."""
    job = BatchJob.objects.select_related("batch").filter(pk=job_id).first()
    if job is None or job.state not in BatchJob.UNFINISHED:
        return
    try:
        if job.state == State.SUBMITTING:
            _send(job)
        else:
            _poll(job)
    except EngineUnavailable as error:
        _poll_later(job, error.message)
    except (GenerationError, FileMissing) as error:
        if job.state == State.WAITING and error.code in FIXABLE:
            _poll_later(job, error.message)  # paid for: answers arrive once settings are fixed
        else:
            _end(job, State.FAILED, error.message, {}, error)
    except Exception:
        logger.exception("batch job %d", job.pk)
        _poll_later(job, "An unexpected error occurred. It will be retried.")


def requeue_orphans() -> None:
    """Queue a poll for each unfinished order without a job in the queue."""
    unfinished = BatchJob.objects.filter(state__in=BatchJob.UNFINISHED)
    jobs.requeue_orphans(unfinished, lock=_lock, defer=_defer)


# ------------------------------------------------------------------------ sending


def _group(waiting: list[Generation]) -> Iterator[tuple[str, list[Generation]]]:
    """Yield (model id, generations) for each order: all of one model, with at most MAX_ORDER_BYTES
    of references, or a single generation with more."""
    for model in dict.fromkeys(each.model for each in waiting):
        group: list[Generation] = []
        size = 0
        for generation in (each for each in waiting if each.model == model):
            added = sum(generation.references.values_list("bytes", flat=True)) * generation.count
            if group and size + added > MAX_ORDER_BYTES:
                yield model, group
                group, size = [], 0
            group.append(generation)
            size += added
        yield model, group


def _place(batch: Batch, model: str, group: list[Generation]) -> BatchJob:
    job = BatchJob.objects.create(
        batch=batch, model=model, display_name=f"assetbank-{batch.pk}-{uuid.uuid4().hex[:16]}"
    )
    pks = [generation.pk for generation in group]
    Generation.objects.filter(pk__in=pks).update(batch_job=job, reason=WAITS)
    _defer(job)
    return job


def _defer(job: BatchJob, after: datetime.timedelta | None = None) -> None:
    jobs.defer("generation.tasks.follow", lock=_lock(job.pk), after=after, job_id=job.pk)


def _lock(pk: int) -> str:
    return f"batch-job-{pk}"


def _send(job: BatchJob) -> None:
    name: str | None = batch_api.find_batch(job.display_name)  # may have been sent before a crash
    if not name:
        name = batch_api.create_batch(
            display_name=job.display_name, model=job.model, requests=_requests(job)
        )
    if not name:
        _end(job, State.CANCELLED, "Nothing was left to order.", {}, None)
        return
    job.name, job.state = name, State.WAITING
    job.save(update_fields=["name", "state"])
    _unfinished(job).update(reason=ORDERED)
    _poll_later(job, "")


def _requests(job: BatchJob) -> Iterator[tuple[str, DrawRequest]]:
    """Yield keys and requests of an order's missing takes. A generation whose request cannot be
    built fails with its reason, and the others go on."""
    one_size = len(catalog.get_model(job.model).image_sizes) < 2
    for pk in list(_unfinished(job).values_list("pk", flat=True)):
        generation = Generation.objects.select_related("brand", "created_by").get(pk=pk)
        try:
            request = draw.draw_request(generation)
        except (GenerationError, FileMissing, PictureRefused) as error:
            conclude_generation(generation, error)
            continue
        if one_size:  # such a model may reject the parameter
            request = replace(request, image_size="")
        for number in generation.missing:
            takes.record_asked(generation, number, request)
            yield _key(pk, number), request


def _unfinished(job: BatchJob) -> QuerySet[Generation]:
    return job.generations.filter(state__in=Generation.UNFINISHED)


def _key(pk: int, number: int) -> str:
    return f"{pk}-{number}"


# ------------------------------------------------------------------------ polling


def _poll(job: BatchJob) -> None:
    order = batch_api.get_batch(job.name)
    if not order.done:
        if not _unfinished(job).exists():
            batch_api.cancel_batch(job.name)
        _poll_later(job, "")
        return
    problems: dict[int, EngineError] = {}
    for key, answer in batch_api.iter_answers(order):
        if problem := _record(job, key, answer):
            problems[int(key.partition("-")[0])] = problem
    sentence = ENDINGS.get(order.state, "")
    said = f' The provider says: "{order.said}"' if order.said and order.state == "FAILED" else ""
    state = {"SUCCEEDED": State.FINISHED, "CANCELLED": State.CANCELLED}.get(
        order.state, State.FAILED
    )
    failure = EngineFailed(sentence or UNANSWERED, code=f"batch_{order.state.lower()}")
    _end(job, state, f"{sentence}{said}", problems, failure)


def _poll_later(job: BatchJob, reason: str) -> None:
    """Queue the next poll after a tenth of the order's age, within MIN_ and MAX_POLL_INTERVAL; end
    an order that is older than MAX_ORDER_AGE."""
    now = timezone.now()
    age = now - job.created_at
    if age > MAX_ORDER_AGE:
        failure = EngineFailed(ENDINGS["EXPIRED"], code="batch_expired")
        _end(job, State.FAILED, ENDINGS["EXPIRED"], {}, failure)
        return
    with transaction.atomic():
        job.polled_at, job.reason = now, reason
        job.save(update_fields=["polled_at", "reason"])
        _defer(job, after=min(max(age / 10, MIN_POLL_INTERVAL), MAX_POLL_INTERVAL))


def _record(job: BatchJob, key: str, answer: Drawing | EngineError) -> EngineError | None:
    """Record the answer with a key of `_key`, once; return the error if there is no image and a
    retry may help."""
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
        images, size = len(answer.images), generation.image_size
        price = partial(prices.price, answer.usage, model, pictures=images, size=size)
        ledger.record_saved(generation, price() - price(in_bulk=True), note="bulk order")


def _end(
    job: BatchJob,
    state: str,
    reason: str,
    problems: dict[int, EngineError],
    failure: ProblemError | None,
) -> None:
    """Store the recorded answers and the end of each generation, then the end of the order.

    `problems` are by id of the generation; `failure` is for unfinished ones without a problem."""
    rows = job.generations.select_related("brand", "created_by")
    for pk in list(rows.values_list("pk", flat=True)):
        generation = rows.get(pk=pk)
        if generation.finished:
            _store_late_outputs(generation)
            continue
        unanswered = generation.missing and not generation.cancel_requested
        problem: ProblemError | None = problems.get(pk) or (failure if unanswered else None)
        if isinstance(problem, EngineUnavailable):  # the order is not retried: a user may retry
            problem = EngineFailed(problem.message, code=problem.code, detail=problem.detail)
        conclude_generation(generation, problem)
    job.state, job.reason, job.finished_at = state, reason, timezone.now()
    job.save(update_fields=["state", "reason", "finished_at"])


def _store_late_outputs(generation: Generation) -> None:
    """Store outputs that arrived after the generation was cancelled: they are paid for."""
    if generation.outputs.filter(asset=None, problem="", data__isnull=False).exists():
        outputs.store_outputs(generation)
        made = generation.outputs.exclude(asset=None).values("take").distinct().count()
        generation.reason = f"Cancelled; {made} of {generation.count} had already been generated."
        generation.save(update_fields=["reason"])
