"""Search gaps: queries that found nothing, or whose results nobody clicked."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from search.models import QueryLog

PER_PAGE = 50
PERIODS = (30, 90, 365)  # days
REPEAT = datetime.timedelta(minutes=10)  # repeats of a query by one user within this count once
RANKING_TTL = datetime.timedelta(days=1)


class Kind(StrEnum):
    """Kinds of gaps to list."""

    ALL = "all"
    NOTHING = "nothing"
    UNCLICKED = "unclicked"


@dataclass(frozen=True)
class Gap:
    """All logged searches with the same words: one row of the search gaps."""

    words: str
    asked: int  # number of searches
    people: int  # number of different users, of searches that are not anonymised
    nothing: int  # searches without a match
    unclicked: int  # searches with a match, but without a click
    last: datetime.datetime


@dataclass(frozen=True)
class GapsPage:
    """One page of gaps."""

    gaps: list[Gap]
    total: int  # number of gaps on all pages
    asked: int  # number of searches on all pages


# Repeats of one user become one visit: a row starts a visit unless the same user searched the same
# within REPEAT before it. In anonymised rows, `anonymise_old_queries` has merged repeats already.
VISITS_SQL = """
    WITH marked AS (
        SELECT *, CASE WHEN person_id IS NOT NULL
            AND asked_at - lag(asked_at) OVER asking <= %(repeat)s THEN 0 ELSE 1 END AS starts
        FROM (SELECT id, words, person_id, asked_at, matched, clicks FROM search_asked) AS asked
        WHERE words <> '' AND asked_at >= %(since)s AND asked_at < %(until)s
            AND (person_id IS NOT NULL OR NOT %(named)s)
        WINDOW asking AS (PARTITION BY person_id, words ORDER BY asked_at, id)
    ), numbered AS (
        SELECT *, sum(starts) OVER (PARTITION BY person_id, words ORDER BY asked_at, id) AS visit
        FROM marked
    ), visits AS (
        SELECT words, person_id, array_agg(id ORDER BY asked_at, id) AS ids,
            max(matched) AS matched, sum(clicks) AS clicks, max(asked_at) AS asked_at
        FROM numbered GROUP BY words, person_id, visit
    )
"""
GAPS_SQL = """, counted AS (
        SELECT words, count(*) AS asked, count(DISTINCT person_id) AS people,
            count(*) FILTER (WHERE matched = 0) AS nothing,
            count(*) FILTER (WHERE matched > 0 AND clicks = 0) AS unclicked,
            max(asked_at) AS last
        FROM visits GROUP BY words
    )
    SELECT *, count(*) OVER () AS total, sum(asked) OVER () AS all_asked FROM counted
    WHERE %(kind)s = 'all' OR CASE %(kind)s WHEN 'nothing' THEN nothing ELSE unclicked END > 0
    ORDER BY 2 * nothing + unclicked DESC, asked DESC, last DESC, words
    LIMIT %(limit)s OFFSET %(offset)s
"""
MERGE_SQL = """, repeated AS (
        SELECT ids[1] AS first, ids[2:] AS others, matched, clicks FROM visits
        WHERE cardinality(ids) > 1
    ), gone AS (
        DELETE FROM search_asked USING repeated WHERE id = ANY(others)
    )
    UPDATE search_asked SET matched = repeated.matched, clicks = repeated.clicks
    FROM repeated WHERE id = first
"""


def search_gaps(*, days: int, kind: Kind = Kind.ALL, page: int = 1) -> GapsPage:
    """Return one page of gaps, worst first: searches without a match count twice. One query."""
    now = timezone.now()
    parameters = {
        **_window(now - datetime.timedelta(days=days), now, named=False),
        "kind": kind.value,
        "limit": PER_PAGE,
        "offset": PER_PAGE * (page - 1),
    }
    with connection.cursor() as cursor:
        cursor.execute(VISITS_SQL + GAPS_SQL, parameters)
        rows = cursor.fetchall()
    total, asked = rows[0][-2:] if rows else (0, 0)
    return GapsPage([Gap(*row[:-2]) for row in rows], total, int(asked))


def record_click(*, log: uuid.UUID, person: User) -> None:
    """Count a click on a result of a logged query, if it is a query of `person`."""
    QueryLog.objects.filter(pk=log, person=person).update(clicks=F("clicks") + 1)


@transaction.atomic
def anonymise_old_queries() -> None:
    """Delete rankings after a day, and remove users after QUESTION_NAMES_DAYS.

    Rows without words are deleted with their rankings. Words and counts stay: repeats of a user are
    merged into one row before the user is removed.
    """
    now = timezone.now()
    old = QueryLog.objects.filter(asked_at__lt=now - RANKING_TTL)
    old.filter(words="").delete()
    old.exclude(ranking=None).update(ranking=None)
    until = now - datetime.timedelta(days=settings.QUESTION_NAMES_DAYS)
    begin = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    with connection.cursor() as cursor:
        cursor.execute(VISITS_SQL + MERGE_SQL, _window(begin, until, named=True))
    QueryLog.objects.filter(asked_at__lt=until).exclude(person=None).update(person=None)


def _window(since: datetime.datetime, until: datetime.datetime, *, named: bool) -> dict[str, Any]:
    return {"since": since, "until": until, "named": named, "repeat": REPEAT}
