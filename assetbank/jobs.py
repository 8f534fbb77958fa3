"""Background jobs: enqueue, cancel and requeue them in the caller's transaction."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.manager import JobManager

Row = TypeVar("Row", bound=Model)


def defer(
    task: str,
    *,
    lock: str | None = None,
    after: datetime.timedelta | None = None,
    **arguments: Any,
) -> None:
    """Enqueue the task of that name; the job commits, or is rolled back, with the caller's rows.

    `task.defer()` does so in web processes only: in a worker, procrastinate has a connection of its
    own, so the job could run before the caller commits, and find nothing to do. Jobs with the same
    `lock` run one at a time. A job does not run before `after` has passed.
    """
    at = timezone.now() + after if after else None
    deferrer = app.configure_task(task, lock=lock, schedule_at=at)
    deferrer.job_manager = JobManager(DjangoConnector())
    deferrer.defer(**arguments)


def cancel_waiting(*, lock: str) -> None:
    """Delete the waiting jobs of a lock.

    A job that waits for its next attempt would block those that are enqueued after it.
    """
    manager = JobManager(DjangoConnector())
    for job in ProcrastinateJob.objects.filter(lock=lock, status="todo"):
        manager.cancel_job_by_id(job.pk, delete_job=True)


def requeue_orphans(
    unfinished: QuerySet[Row], *, lock: Callable[[Any], str], defer: Callable[[Row], None]
) -> None:
    """Call `defer` for each row of `unfinished` that has no job, because it failed or was lost.

    `lock` returns the lock of a row's jobs by its primary key. A row that is finished in the
    meantime is left out.
    """
    locks = {lock(pk): pk for pk in unfinished.values_list("pk", flat=True)}
    alive = ProcrastinateJob.objects.filter(lock__in=locks, status__in=["todo", "doing"])
    in_use = set(alive.values_list("lock", flat=True))
    for pk in (pk for name, pk in locks.items() if name not in in_use):
        with transaction.atomic():
            if orphan := unfinished.select_for_update(of=("self",)).filter(pk=pk).first():
                defer(orphan)
