"""Current matches of saved searches, and how many are new since a user's last visit."""

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

MAX_SEARCHES = 48  # saved searches per user that are run; further ones are listed by name only
COVERS = 4  # images shown of a saved search
CACHE_SECONDS = 240  # time for which the answer of `has_updates` is cached


@dataclass
class SavedSearchStatus:
    """A saved search as one user sees it."""

    saved: SavedSearch
    question: SearchQuery | None = None  # None: it is no longer valid
    problem: str = ""  # why it was not counted
    down: bool = False  # not counted because a service is unavailable
    count: int | None = None  # None: not counted
    more: bool = False  # there are more than `count`
    new: int = 0  # counted matches since the user's last visit, or since it was saved
    approved_only: bool = False  # True: an asset counts as new from its approval on
    covers: tuple[Asset, ...] = ()


@dataclass(frozen=True)
class _Matches:
    """Matches of one saved search."""

    ids: tuple[int, ...]  # best first
    more: bool


def saved_search_updates(person: permissions.AnyUser) -> list[SavedSearchStatus]:
    """Return the status of all saved searches of the user's brands, by brand and name.

    Work is limited: MAX_SEARCHES of them are run, each down to FIRST_DEPTH. One that is invalid or
    unavailable says so and stops no other.
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
    created = dict(seen.values_list("pk", "created_at"))
    approved = _approvals().filter(asset__in=created).values_list("asset").annotate(Max("at"))
    visible_since = created | dict(approved)
    covers: dict[int, list[int]] = {}
    for row in rows[:MAX_SEARCHES]:
        if row.saved.pk in ranked:
            found = ranked[row.saved.pk]
            visible = [pk for pk in found.ids if pk in created]
            row.count, row.more = len(visible), found.more
            new_from = visible_since if row.approved_only else created
            row.new = sum(new_from[pk] > _since(row) for pk in visible)
            covers[row.saved.pk] = visible[:COVERS]
        elif row.question and not row.problem:
            covers[row.saved.pk] = _browse(person, row)
    assets = permissions.assets(person).in_bulk({pk for ids in covers.values() for pk in ids})
    for row in rows:
        ids = covers.get(row.saved.pk, [])
        row.covers = tuple(assets[pk] for pk in ids if pk in assets)
    return rows


def has_updates(person: permissions.AnyUser) -> bool:
    """Return True if any saved search has new matches; computed at most every few minutes."""
    cached: bool | None = cache.get(searches.updates_cache_key(person))
    if cached is None:
        cached = any(row.new for row in saved_search_updates(person))
        cache.set(searches.updates_cache_key(person), cached, CACHE_SECONDS)
    return cached


def _approvals() -> QuerySet[Decision]:
    return Decision.objects.filter(verdict=Decision.Verdict.APPROVED).order_by()


def _since(row: SavedSearchStatus) -> datetime.datetime:
    """Return the time after which matches are new: the user's last visit, or when it was saved."""
    annotated: Any = row.saved
    since: datetime.datetime = annotated.since
    return since


def _matches(person: permissions.AnyUser, rows: Iterable[SavedSearchStatus]) -> dict[int, _Matches]:
    """Return the matches of the saved searches with words or images, by id of the saved search.

    Sets `question` of every row, and `problem` and `down` where a search cannot be run.
    """
    try:
        space, unavailable = spaces.active_space(), ""
    except SearchUnavailable as error:
        space, unavailable = None, error.message
    found, scope = {}, permissions.asset_scope(person)
    for row in rows:
        try:
            row.question = stored_query.query_of(row.saved, person)
            row.approved_only |= row.question.filters.statuses == (Asset.Status.APPROVED,)
            if not row.question.browsing:
                if space is None or unavailable:
                    row.problem, row.down = unavailable, True
                    continue
                found[row.saved.pk] = _rank(row, space, scope)
        except InvalidQuery as error:
            row.problem = error.message
        except SearchUnavailable as error:
            row.problem = error.message
            if error.__cause__ is not None:  # a service is unavailable, also for the others
                unavailable, row.down = error.message, True
    return found


def _rank(row: SavedSearchStatus, space: VectorSpace, scope: permissions.AssetScope) -> _Matches:
    assert row.question
    ranked = ranking.rank(
        row.question,
        space=space,
        scope=scope.limit_to(frozenset({row.saved.brand_id})),
        depth=FIRST_DEPTH,
    )
    ids = tuple(hit.id for hit in ranked.hits if hit.matches)
    return _Matches(ids, more=ranked.more_match)


def _browse(person: permissions.AnyUser, row: SavedSearchStatus) -> list[int]:
    """Return the ids of the newest COVERS matches of a saved search that has filters only.

    Sets its counts, which are exact: PostgreSQL counts all matches.
    """
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
