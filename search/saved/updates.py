"""What saved searches find now, and how much of it came in since somebody last looked."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db.models import Count, DateTimeField, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from assetbank import permissions
from assetbank.models import Asset, Decision
from search.errors import InvalidQuery, SearchUnavailable
from search.indexing import spaces
from search.models import SavedSearch, SavedSearchVisit, VectorSpace
from search.query import FIRST_DEPTH, SearchQuery, fulltext, ranking
from search.query.filters import to_queryset
from search.saved import searches, stored_query

MAX_SEARCHES = 48  # saved searches of one person that are asked; further ones are listed by name
COVERS = 4
CACHE_SECONDS = 240  # for the dot beside "Collections"


@dataclass
class SavedSearchStatus:
    """A saved search as one person sees it."""

    saved: SavedSearch
    question: SearchQuery | None = None  # None: it cannot be asked any more
    problem: str = ""  # why it was not counted
    down: bool = False  # because a service is down, for all that ask with words or pictures
    count: int | None = None  # None: not counted
    more: bool = False  # there are more than `count`
    new: int = 0  # of those counted, since the person's last visit, or since it was saved
    approved_only: bool = False  # to this person a picture is there from its approval on
    covers: tuple[Asset, ...] = ()


@dataclass(frozen=True)
class _Matches:
    ids: tuple[int, ...]  # best first
    more: bool


def saved_search_updates(person: permissions.AnyUser) -> list[SavedSearchStatus]:
    """Of all saved searches of the person's brands, by brand and name.

    Work is bounded: MOST of them are asked, each down to FIRST_DEPTH. One that cannot be asked any
    more, or not now, says so and stops no other.
    """
    visits = SavedSearchVisit.objects.filter(saved_search=OuterRef("pk"), person=person.pk)
    since = Coalesce(
        Subquery(visits.values("visited_at")), F("created_at"), output_field=DateTimeField()
    )
    viewed = set(permissions.viewer_only_brands(person).values_list("pk", flat=True))
    rows = [
        SavedSearchStatus(saved, approved_only=saved.brand_id in viewed)
        for saved in searches.saved_searches(person).annotate(since=since)
    ]
    ranked = _matches(person, rows[:MAX_SEARCHES])
    matching = {pk for found in ranked.values() for pk in found.ids}
    seen = permissions.assets(person).filter(pk__in=matching)
    came_in = dict(seen.values_list("pk", "created_at"))
    approved = _approvals().filter(asset__in=came_in).values_list("asset").annotate(Max("at"))
    shown_since = came_in | dict(approved)
    covers: dict[int, list[int]] = {}
    for row in rows[:MAX_SEARCHES]:
        if row.saved.pk in ranked:
            found = ranked[row.saved.pk]
            there = [pk for pk in found.ids if pk in came_in]
            row.count, row.more = len(there), found.more
            since_when = shown_since if row.approved_only else came_in
            row.new = sum(since_when[pk] > _since(row) for pk in there)
            covers[row.saved.pk] = there[:COVERS]
        elif row.question and not row.problem:
            covers[row.saved.pk] = _browse(person, row)
    assets = permissions.assets(person).in_bulk({pk for ids in covers.values() for pk in ids})
    for row in rows:
        ids = covers.get(row.saved.pk, [])
        row.covers = tuple(assets[pk] for pk in ids if pk in assets)
    return rows


def has_updates(person: permissions.AnyUser) -> bool:
    """Whether something new waits in any saved search; asked at most every few minutes."""
    known: bool | None = cache.get(searches.updates_cache_key(person))
    if known is None:
        known = any(row.new for row in saved_search_updates(person))
        cache.set(searches.updates_cache_key(person), known, CACHE_SECONDS)
    return known


def _approvals() -> QuerySet[Decision]:
    return Decision.objects.filter(verdict=Decision.Verdict.APPROVED).order_by()


def _since(row: SavedSearchStatus) -> datetime.datetime:
    annotated: Any = row.saved
    since: datetime.datetime = annotated.since
    return since


def _matches(person: permissions.AnyUser, rows: Iterable[SavedSearchStatus]) -> dict[int, _Matches]:
    """By id of the saved search, of those that ask with words or pictures."""
    try:
        space, down = spaces.active_space(), ""
    except SearchUnavailable as error:
        space, down = None, error.message
    found = {}
    for row in rows:
        try:
            row.question = stored_query.query_of(row.saved, person)
            row.approved_only |= row.question.filters.statuses == (Asset.Status.APPROVED,)
            if not row.question.browsing:
                if space is None or down:
                    row.problem, row.down = down, True
                    continue
                found[row.saved.pk] = _rank(person, row, space)
        except InvalidQuery as error:
            row.problem = error.message
        except SearchUnavailable as error:
            row.problem = error.message
            if error.__cause__ is not None:  # not this question's fault: the others need not try
                down, row.down = error.message, True
    return found


def _rank(person: permissions.AnyUser, row: SavedSearchStatus, space: VectorSpace) -> _Matches:
    assert row.question
    reach = permissions.asset_scope(person).within(frozenset({row.saved.brand_id}))
    ranked = ranking.rank(
        row.question,
        space=space,
        reach=reach,
        depth=FIRST_DEPTH,
    )
    ids = tuple(hit.id for hit in ranked.hits if hit.matches)
    return _Matches(ids, more=ranked.more_match)


def _browse(person: permissions.AnyUser, row: SavedSearchStatus) -> list[int]:
    """Filters alone: PostgreSQL counts them all."""
    assert row.question
    question = row.question
    assets = fulltext.exclude_terms(
        question.terms, to_queryset(question.filters, permissions.assets(person))
    )
    new = Q(created_at__gt=_since(row))
    if row.approved_only:
        new |= Q(pk__in=_approvals().filter(at__gt=_since(row)).values("asset"))
    counted = assets.aggregate(count=Count("pk"), new=Count("pk", filter=new))
    row.count, row.new = counted["count"], counted["new"]
    newest = assets.order_by("-created_at", "-id").values_list("pk", flat=True)
    return list(newest[:COVERS])
