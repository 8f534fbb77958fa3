from __future__ import annotations

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from assetbank import jobs


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
