"""Background tasks of search, on the queue `index`."""

from __future__ import annotations

import contextlib
import logging
import time

from django.db import transaction
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
from search.models import Embedding
from search.query import embedding, fulltext
from search.vectorstore import VectorStoreUnavailable

logger = logging.getLogger(__name__)

# Maximum seconds per job for comparing duplicates, and for indexing spaces that are not active:
# other jobs of the queue need their turn
COMPARING_SECONDS = 5
OTHER_SPACES_SECONDS = 60


@app.task(
    name="search.tasks.index_waiting", queue="index", retry=RetryStrategy(wait=5, max_attempts=3)
)
def index_waiting() -> None:
    """Index pending rows of the active space.

    One job is deferred for each change; the first one to run does the work of all, and the others
    find nothing to do. Spaces that are being built never delay what users wait for.
    """
    _index(other_spaces_s=0)


@app.periodic(cron="* * * * * */5")
@app.task(
    name="search.tasks.index_left_behind",
    queue="index",
    queueing_lock="index_left_behind",
    pass_context=False,
)
def index_left_behind(timestamp: int) -> None:
    """Index rows of crashed workers, rows that waited for a service, and the other spaces."""
    _index(other_spaces_s=OTHER_SPACES_SECONDS)


def _index(other_spaces_s: float) -> None:
    """Index pending rows: at most `other_spaces_s` seconds on spaces that are not active."""
    try:
        done = pipeline.index_pending(other_spaces_s=other_spaces_s)
    except (VectorStoreUnavailable, EncoderError) as error:
        # The periodic task continues once the service is available
        logger.warning("Indexing waits: %s", error)
        return
    if done:
        logger.info("indexed %d", done)
        _enqueue_find_duplicates()


def _enqueue_find_duplicates() -> None:
    with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
        jobs.defer("search.tasks.find_duplicates", timestamp=int(time.time()))


@app.periodic(cron="* * * * *")
@app.task(
    name="search.tasks.switch_encoder",
    queue="index",
    queueing_lock="switch_encoder",
    pass_context=False,
)
def switch_encoder(timestamp: int) -> None:
    """Let a completely built space take over if it passes the evaluation."""
    try:
        rollout.advance_rollouts()
    except (VectorStoreUnavailable, EncoderError, ProblemError) as error:
        logger.warning("Changing the encoder waits: %s", error)


@app.periodic(cron="* * * * *")
@app.task(
    name="search.tasks.find_duplicates",
    queue="index",
    queueing_lock="find_duplicates",
    priority=-1,
    pass_context=False,
)
def find_duplicates(timestamp: int) -> None:
    """Compare newly indexed assets while no embedding is pending.

    Runs in short jobs, so that other jobs get their turn and a worker can stop.
    """
    end = time.monotonic() + COMPARING_SECONDS
    waiting = Embedding.objects.claimable().in_active_space()
    try:
        done = detect.detect(stop=lambda: time.monotonic() >= end or waiting.exists())
    except VectorStoreUnavailable as error:
        logger.warning("Looking for duplicates waits: %s", error)
        return
    if done:
        logger.info("compared %d", done)
        _enqueue_find_duplicates()


@app.task(
    name="search.tasks.write_documents", queue="index", retry=RetryStrategy(wait=5, max_attempts=5)
)
def write_documents(brand_id: int) -> None:
    """Write the full-text documents of a brand again, after a change of its searched fields."""
    fulltext.write_brand(brand_id)


@app.periodic(cron="17 * * * *")
@app.task(
    name="search.tasks.check_index", queue="index", queueing_lock="check_index", pass_context=False
)
def check_index(timestamp: int) -> None:
    """Compare PostgreSQL and Milvus, and repair the differences."""
    report = reconcile.check_index(fix=True)
    if not report.sound:
        logger.warning("index put right: %s", report.counts)
        _index(other_spaces_s=OTHER_SPACES_SECONDS)


@app.periodic(cron="41 * * * *")
@app.task(
    name="search.tasks.forget_pictures",
    queue="index",
    queueing_lock="forget_pictures",
    pass_context=False,
)
def forget_pictures(timestamp: int) -> None:
    embedding.delete_old_query_images()


@app.periodic(cron="29 3 * * *")
@app.task(
    name="search.tasks.forget_questions",
    queue="index",
    queueing_lock="forget_questions",
    pass_context=False,
)
def forget_questions(timestamp: int) -> None:
    gaps.anonymise_old_queries()
