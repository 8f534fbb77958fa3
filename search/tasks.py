"""Background jobs of search, on the queue `index`."""

from __future__ import annotations

import contextlib
import datetime
import logging
import time

from django.db import transaction
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from assetbank import jobs
from assetbank.errors import ProblemError
from search.duplicates import detect
from search.encoders import EncoderError
from search.evaluation import rollout
from search.indexing import pipeline, reconcile
from search.insights import gaps
from search.models import Embedding, PictureQuestion
from search.vectorstore import VectorStoreUnavailable

logger = logging.getLogger(__name__)

COMPARING_SECONDS = 5
BESIDE_SECONDS = 60  # of one job on spaces that are being built: other jobs want their turn


@app.task(queue="index", retry=RetryStrategy(wait=5, max_attempts=3))
def index_waiting() -> None:
    """One is deferred for each change; the first to run works for all, the others find nothing.
    Only for the active space: what is built beside it never holds up what people wait for."""
    _index(beside=0)


@app.periodic(cron="* * * * * */5")
@app.task(queue="index", queueing_lock="index_left_behind", pass_context=False)
def index_left_behind(timestamp: int) -> None:
    """Rows of workers that died, rows that waited for a service, and the other spaces."""
    _index(beside=BESIDE_SECONDS)


def _index(beside: float) -> None:
    try:
        done = pipeline.index_pending(beside=beside)
    except (VectorStoreUnavailable, EncoderError) as error:
        logger.warning("Indexing waits: %s", error)  # the periodic job goes on when it is back
        return
    if done:
        logger.info("indexed %d", done)
        _look_for_duplicates()


def _look_for_duplicates() -> None:
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        jobs.defer("search.tasks.find_duplicates", timestamp=int(time.time()))


@app.periodic(cron="* * * * *")
@app.task(queue="index", queueing_lock="switch_encoder", pass_context=False)
def switch_encoder(timestamp: int) -> None:
    """A space that is whole takes over, if it answers no worse."""
    try:
        rollout.advance_rollouts()
    except (VectorStoreUnavailable, EncoderError, ProblemError) as error:
        logger.warning("Changing the encoder waits: %s", error)


@app.periodic(cron="* * * * *")
@app.task(queue="index", queueing_lock="find_duplicates", priority=-1, pass_context=False)
def find_duplicates(timestamp: int) -> None:
    """What was indexed is compared, as long as nobody waits for indexing. In short jobs, so that
    others have their turn and a worker can stop."""
    end = time.monotonic() + COMPARING_SECONDS
    waiting = Embedding.objects.claimable().in_active_space()
    try:
        done = detect.detect(stop=lambda: time.monotonic() >= end or waiting.exists())
    except VectorStoreUnavailable as error:
        logger.warning("Looking for duplicates waits: %s", error)
        return
    if done:
        logger.info("compared %d", done)
        _look_for_duplicates()


@app.periodic(cron="17 * * * *")
@app.task(queue="index", queueing_lock="check_index", pass_context=False)
def check_index(timestamp: int) -> None:
    report = reconcile.check_index(fix=True)
    if not report.sound:
        logger.warning("index put right: %s", report.counts)
        _index(beside=BESIDE_SECONDS)


@app.periodic(cron="41 * * * *")
@app.task(queue="index", queueing_lock="forget_pictures", pass_context=False)
def forget_pictures(timestamp: int) -> None:
    yesterday = timezone.now() - datetime.timedelta(days=1)
    PictureQuestion.objects.filter(brand=None, created_at__lt=yesterday).delete()


@app.periodic(cron="29 3 * * *")
@app.task(queue="index", queueing_lock="forget_questions", pass_context=False)
def forget_questions(timestamp: int) -> None:
    gaps.anonymise_old_queries()
