from __future__ import annotations

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from assetbank import jobs
from assetbank.models import Brand


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", ["web", "worker"])
def test_a_job_commits_or_vanishes_with_the_rows_of_its_caller(place: str) -> None:
    here = DjangoConnector()
    before = waiting()
    with app.replace_connector(here if place == "web" else here.get_worker_connector()):
        with transaction.atomic():
            jobs.defer("search.tasks.index_waiting")
            inside = waiting()
            transaction.set_rollback(True)
        after_rollback = waiting()
        with transaction.atomic():
            jobs.defer("search.tasks.index_waiting", lock="x")
    assert [inside - before, after_rollback - before, waiting() - before] == [1, 0, 1]


@pytest.mark.django_db
def test_orphans_are_queued_once_and_what_has_a_job_or_is_finished_is_left_alone() -> None:
    waits, runs, *_ = (
        Brand.objects.create(name=slug, slug=slug, style="finished" if slug == "done" else "")
        for slug in ("waits", "runs", "orphan", "ends", "done")
    )
    unfinished = Brand.objects.filter(style="").order_by("pk")
    deferred: list[str] = []

    def lock(pk: int) -> str:
        return f"brand-{pk}"

    def defer(brand: Brand) -> None:
        deferred.append(brand.slug)
        jobs.defer("search.tasks.index_waiting", lock=lock(brand.pk))
        Brand.objects.filter(slug="ends").update(style="finished")  # as if by another process

    for brand in (waits, runs):
        jobs.defer("search.tasks.index_waiting", lock=lock(brand.pk))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing' WHERE lock = %s", [lock(runs.pk)]
        )
    jobs.requeue_orphans(unfinished, lock=lock, defer=defer)
    jobs.requeue_orphans(unfinished, lock=lock, defer=defer)
    assert deferred == ["orphan"]
