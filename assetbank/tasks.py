"""Background jobs of the library, and of the queue itself."""

from __future__ import annotations

import contextlib
import logging

from django.db import transaction
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued, UniqueViolation
from procrastinate.jobs import Status

from assetbank import jobs, notifications
from assetbank.assets import backfill_features, delete_files, rendered, trash
from assetbank.assets.folders import scan_watched_folders
from assetbank.http import idempotency

logger = logging.getLogger(__name__)
SILENT_SECONDS = 30


@app.periodic(cron="* * * * * */15")
@app.task(
    name="assetbank.tasks.retry_stalled",
    queue="house",
    queueing_lock="retry_stalled",
    pass_context=False,
)
async def retry_stalled(timestamp: int) -> None:
    """Requeue the jobs of workers without a heartbeat for SILENT_SECONDS: they were killed."""
    stalled = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT_SECONDS)
    for job in stalled:
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:  # of its queueing lock: an equal job is waiting already
            await app.job_manager.finish_job(job, status=Status.ABORTED, delete_job=True)
        logger.warning("job %s (%s) is taken over from a dead worker", job.id, job.task_name)


@app.periodic(cron="*/5 * * * *")
@app.task(
    name="assetbank.tasks.read_pixels",
    queue="house",
    queueing_lock="read_pixels",
    pass_context=False,
)
def read_pixels(timestamp: int) -> None:
    """Compute the image features of assets that were ingested without them."""
    while backfill_features():
        pass


@app.periodic(cron="* * * * * */20")
@app.task(
    name="assetbank.tasks.import_watched",
    queue="house",
    queueing_lock="import_watched",
    pass_context=False,
)
def import_watched(timestamp: int) -> None:
    """Import what was put into the folders of WATCH_FOLDERS; go on in another job if there is more.

    So other jobs of the queue get their turn.
    """
    if scan_watched_folders():
        with contextlib.suppress(AlreadyEnqueued), transaction.atomic():
            jobs.defer("assetbank.tasks.import_watched", timestamp=timestamp)


@app.periodic(cron="23 * * * *")
@app.task(
    name="assetbank.tasks.purge_trash",
    queue="house",
    queueing_lock="purge_trash",
    pass_context=False,
)
def purge_trash(timestamp: int) -> None:
    """Delete assets for good that were in the trash for TRASH_DAYS."""
    trash.purge_expired()


@app.task(
    name="assetbank.tasks.delete_files",
    queue="house",
    retry=RetryStrategy(max_attempts=10, exponential_wait=4),
)
def delete_files_of_purged(paths: list[str]) -> None:
    """Delete the files of assets that were deleted for good: enqueued in the same transaction."""
    delete_files(paths=paths)


@app.task(
    name="assetbank.tasks.mail_notice",
    queue="house",
    retry=RetryStrategy(max_attempts=6, exponential_wait=5),
)
def mail_notice(notice_id: int) -> None:
    """Send a notification by e-mail."""
    notifications.send_email(notice_id=notice_id)


@app.periodic(cron="17 * * * *")
@app.task(
    name="assetbank.tasks.forget_requests",
    queue="house",
    queueing_lock="forget_requests",
    pass_context=False,
)
def forget_requests(timestamp: int) -> None:
    """Delete expired records of Idempotency-Keys."""
    idempotency.delete_expired()


@app.periodic(cron="47 * * * *")
@app.task(
    name="assetbank.tasks.delete_unused_downloads",
    queue="house",
    queueing_lock="delete_unused_downloads",
    pass_context=False,
)
def delete_unused_downloads(timestamp: int) -> None:
    """Delete rendered downloads that are too old, too many, or of deleted assets."""
    rendered.delete_unused()
