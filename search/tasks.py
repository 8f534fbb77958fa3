"""Background jobs of search, on the queue `index`."""

from __future__ import annotations

import datetime
import logging

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from search import indexing, repair
from search.checkpoints import EncoderError
from search.milvus import MilvusDown
from search.models import PictureQuestion

logger = logging.getLogger(__name__)


@app.task(queue="index", retry=RetryStrategy(wait=5, max_attempts=3))
def index_waiting() -> None:
    """One is deferred for each change; the first to run works for all, the others find nothing."""
    try:
        done = indexing.index()
    except (MilvusDown, EncoderError) as error:
        logger.warning("Indexing waits: %s", error)  # the periodic job goes on when it is back
        return
    if done:
        logger.info("indexed %d", done)


@app.periodic(cron="* * * * * */5")
@app.task(queue="index", queueing_lock="index_left_behind", pass_context=False)
def index_left_behind(timestamp: int) -> None:
    """Rows of workers that died, and rows that waited for a service."""
    index_waiting()


@app.periodic(cron="17 * * * *")
@app.task(queue="index", queueing_lock="check_index", pass_context=False)
def check_index(timestamp: int) -> None:
    report = repair.check(fix=True)
    if not report.sound:
        logger.warning("index put right: %s", report.counts)
        index_waiting()


@app.periodic(cron="41 * * * *")
@app.task(queue="index", queueing_lock="forget_pictures", pass_context=False)
def forget_pictures(timestamp: int) -> None:
    yesterday = timezone.now() - datetime.timedelta(days=1)
    PictureQuestion.objects.filter(created_at__lt=yesterday).delete()
