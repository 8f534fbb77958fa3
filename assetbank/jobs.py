"""Putting work into the queue, in the transaction of the caller."""

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
    """Queue the task of that name: the job commits, or vanishes, with the rows of the caller.

    `task.defer()` does so in web processes only. In a worker procrastinate has a connection of its
    own, where the job is seen, run and found to have nothing to do before the caller commits.
    `lock`: jobs with the same lock run one at a time. `after`: not before that time has passed.
    """
    at = timezone.now() + after if after else None
    deferrer = app.configure_task(task, lock=lock, schedule_at=at)
    deferrer.job_manager = JobManager(DjangoConnector())
    deferrer.defer(**arguments)


def withdraw(*, lock: str) -> None:
    """Take the waiting jobs of that lock out of the queue: one that waits for its next attempt
    would hold up those that are queued behind it."""
    manager = JobManager(DjangoConnector())
    for job in ProcrastinateJob.objects.filter(lock=lock, status="todo"):
        manager.cancel_job_by_id(job.pk, delete_job=True)


def requeue_orphans(
    unfinished: QuerySet[Row], *, lock: Callable[[Any], str], defer: Callable[[Row], None]
) -> None:
    """Defer a job for each of these rows that has none: its job failed, or was lost.

    `lock` names the lock of a row's jobs by its primary key. A row that is finished in the
    meantime is left alone.
    """
    locks = {lock(pk): pk for pk in unfinished.values_list("pk", flat=True)}
    alive = ProcrastinateJob.objects.filter(lock__in=locks, status__in=["todo", "doing"])
    in_use = set(alive.values_list("lock", flat=True))
    for pk in (pk for name, pk in locks.items() if name not in in_use):
        with transaction.atomic():
            if orphan := unfinished.select_for_update(of=("self",)).filter(pk=pk).first():
                defer(orphan)
