"""The search-gap board: questions that found nothing, or were left without a click."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from search.models import Asked

PER_PAGE = 50
PERIODS = (30, 90, 365)  # days
REPEAT = datetime.timedelta(minutes=10)  # the same person asking the same again counts once
RANKING_TTL = datetime.timedelta(days=1)


class Kind(StrEnum):
    ALL = "all"
    NOTHING = "nothing"
    UNCLICKED = "unclicked"


@dataclass(frozen=True)
class Gap:
    """The same words, whoever asked them."""

    words: str
    asked: int  # times
    people: int  # different ones, as far as names are still kept
    nothing: int  # times that nothing matched
    unclicked: int  # times that something matched, and nothing of it was opened
    last: datetime.datetime


@dataclass(frozen=True)
class GapsPage:
    gaps: list[Gap]
    total: int  # different words, of which `gaps` is one page
    asked: int  # times, of all these


# Repeats of one person become one visit: a row starts one unless the same person asked the same
# within REPEAT before it. Where names are not kept any more, `forget` has done so already.
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
    """What hurts most first: nothing found counts twice. One query, whatever its size."""
    now = timezone.now()
    given = {
        **_window(now - datetime.timedelta(days=days), now, named=False),
        "kind": kind.value,
        "limit": PER_PAGE,
        "offset": PER_PAGE * (page - 1),
    }
    with connection.cursor() as cursor:
        cursor.execute(VISITS_SQL + GAPS_SQL, given)
        rows = cursor.fetchall()
    total, asked = rows[0][-2:] if rows else (0, 0)
    return GapsPage([Gap(*row[:-2]) for row in rows], total, int(asked))


@transaction.atomic
def anonymise_old_queries() -> None:
    """Rankings after a day, and with them what had no words; who asked after QUESTION_NAMES_DAYS.
    The words stay, and so do their counts: repeats become one row before their names go."""
    now = timezone.now()
    old = Asked.objects.filter(asked_at__lt=now - RANKING_TTL)
    old.filter(words="").delete()
    old.exclude(ranking=None).update(ranking=None)
    until = now - datetime.timedelta(days=settings.QUESTION_NAMES_DAYS)
    begin = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    with connection.cursor() as cursor:
        cursor.execute(VISITS_SQL + MERGE_SQL, _window(begin, until, named=True))
    Asked.objects.filter(asked_at__lt=until).exclude(person=None).update(person=None)


def _window(since: datetime.datetime, until: datetime.datetime, *, named: bool) -> dict[str, Any]:
    return {"since": since, "until": until, "named": named, "repeat": REPEAT}
