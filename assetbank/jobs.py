"""Putting work into the queue, in the transaction of the caller."""

from __future__ import annotations

from typing import Any

from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.manager import JobManager


def defer(task: str, *, lock: str | None = None, **arguments: Any) -> None:
    """Queue the task of that name: the job commits, or vanishes, with the rows of the caller.

    `task.defer()` does so in web processes only. In a worker procrastinate has a connection of its
    own, where the job is seen, run and found to have nothing to do before the caller commits.
    `lock`: jobs with the same lock run one at a time.
    """
    deferrer = app.configure_task(task, lock=lock)
    deferrer.job_manager = JobManager(DjangoConnector())
    deferrer.defer(**arguments)
