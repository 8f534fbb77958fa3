"""Questions to assets: `find` for pages and API alike."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from cachetools import LRUCache, TTLCache, cached
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from assetbank import permissions
from assetbank.models import Asset, Brand
from search.errors import InvalidQuery
from search.indexing import spaces
from search.models import Embedding, QueryLog, VectorSpace, with_index_state
from search.query import fulltext, ranking
from search.query.browse import _browse
from search.query.cursors import NO_SUCH_PAGE, _cursor, _read_cursor
from search.query.prepared import MAX_PREPARED, PreparedQuery, id_any
from search.query.ranking import MatchedBy, RankedId, Ranking
from search.query.results import PAGE_SIZE, Page, SearchHit
from search.query.types import HIDDEN_STATUSES, SearchQuery
from search.vectorstore import schema

MAX_PAGE_SIZE = 200
MAX_TEXT_LENGTH = 1_000
INDEXED_BYTES = 2_600  # of a text that PostgreSQL is sure to take into an index
FIRST_DEPTH = PAGE_SIZE + 1  # nearest neighbours; further ones when somebody goes on
MAX_CACHED_RANKINGS = 256


@dataclass(frozen=True)
class _Scope:
    """What answers this person: the space, and what they may see of the brands they ask for."""

    space: VectorSpace
    reach: permissions.AssetScope
    unchanged: bool  # nothing waits to be indexed: the revision says whether anything changed


def search(
    *,
    person: permissions.AnyUser,
    question: SearchQuery,
    limit: int = PAGE_SIZE,
    cursor: str = "",
    keep: bool = True,
    by_program: bool = False,
) -> Page:
    """A page of what `person` may see, best or newest first.

    With `keep`, what was found is remembered, and the page has a cursor; asked `by_program`, nobody
    is expected to click on it. Raises InvalidQuestion, and SearchUnavailable when the encoder or
    Milvus is down; browsing needs neither.
    """
    limit = max(1, min(limit, MAX_PAGE_SIZE))
    if len(question.text) > MAX_TEXT_LENGTH:
        raise InvalidQuery(f"A search has at most {MAX_TEXT_LENGTH} characters. Shorten it.")
    if question.browsing:
        return _browse(person, question, limit, cursor)
    sight = _scope(person, question)
    if cursor:
        asked, start = _logged_query(person, question, cursor)
        ranked = Ranking.from_bytes(bytes(asked.ranking or b""))
    else:
        start = 0
        asked, ranked = _search(person, question, sight, limit, keep, by_program)
    found: list[SearchHit] = []
    while True:
        more = ranked.hits[start : start + limit + 1 - len(found)]
        found += _rows(sight, question, more)
        start += len(more)
        if len(found) > limit or (start >= len(ranked.hits) and ranked.complete):
            break
        if not more:  # all that was ranked is shown or gone: rank further down
            ranked = _deeper(asked if keep else None, question, sight, ranked)
    more_to_come = keep and len(found) > limit
    following = _cursor(asked.pk.hex, start - (len(found) - limit)) if more_to_come else ""
    return Page(found[:limit], following, asked.pk if keep else None, ranked.matched)


def _rows(sight: _Scope, question: SearchQuery, hits: Sequence[RankedId]) -> list[SearchHit]:
    """In the order of the ranking; what the person may not see, or what is gone, is dropped."""
    by_words = [hit.id for hit in hits if MatchedBy.WORDS in hit.by]
    put_aside = bool(question.filters.statuses)
    statement = _rows_statement(sight.space.pk, sight.reach, put_aside, marked=bool(by_words))
    rows = statement.rows(
        ids=[hit.id for hit in hits],
        by_words=by_words,
        phrases=question.terms.include[: fulltext.MAX_MARKED],
    )
    assets = {asset.pk: asset for asset in _with_brands(rows)}
    return [
        SearchHit(
            assets[hit.id],
            hit,
            tuple(fulltext.highlights(assets[hit.id])) if MatchedBy.WORDS in hit.by else (),
        )
        for hit in hits
        if hit.id in assets
    ]


def _with_brands(assets: list[Any]) -> list[Any]:
    """One object for each brand, of which name and slug were fetched."""
    brands: dict[int, Brand] = {}
    for asset in assets:
        if asset.brand_id not in brands:
            known = asset.brand_id, asset.brand_name, asset.brand_slug
            brands[asset.brand_id] = Brand.from_db(asset._state.db, ["id", "name", "slug"], known)
        asset.brand = brands[asset.brand_id]
    return assets


@lru_cache(maxsize=MAX_PREPARED)
def _rows_statement(
    space: int, reach: permissions.AssetScope, put_aside: bool, *, marked: bool
) -> PreparedQuery[Asset]:
    seen = reach.assets().with_tags().with_author()
    shown = with_index_state(seen, space).annotate(
        brand_name=F("brand__name"), brand_slug=F("brand__slug")
    )
    if not put_aside:
        shown = shown.exclude(status__in=HIDDEN_STATUSES)  # since it was ranked
    if marked:  # where there is nothing to mark, the rest is a fifth quicker
        shown = fulltext.with_highlights(shown, of="by_words", phrases="phrases")
    return PreparedQuery(shown.filter(id_any("pk", "ids")).order_by())


# ------------------------------------------------------------------------ one ranking, many pages

_recent: TTLCache[tuple[object, ...], tuple[QueryLog, Ranking]] = TTLCache(
    MAX_CACHED_RANKINGS, ttl=ranking.CACHE_SECONDS
)
_recent_lock = Lock()


def _search(
    person: permissions.AnyUser,
    question: SearchQuery,
    sight: _Scope,
    limit: int,
    keep: bool,
    by_program: bool,
) -> tuple[QueryLog, Ranking]:
    """The ranking, and the row that keeps it. The same question again within a minute, while
    nothing has changed, costs nothing and is one row."""
    depth = max(FIRST_DEPTH, limit + 1)
    who = person.pk, sight.reach, timezone.localdate(), keep, by_program
    key = (*who, question.to_querystring(), depth, sight.space.collection, sight.space.revision)
    # what is in a collection changes without the index
    same = sight.unchanged and question.filters.collection is None
    if same:
        with _recent_lock:
            if (recent := _recent.get(key)) is not None:
                return recent
    ranked = _rank(question, sight, depth)
    asked = QueryLog(
        person_id=person.pk,
        # lower case may be longer, and an index of PostgreSQL takes no row that is
        words=schema.cut(" ".join(question.text.lower().split())[:MAX_TEXT_LENGTH], INDEXED_BYTES),
        question=question.to_querystring(),
        space=sight.space,
        matched=ranked.matched,
        clicks=None if by_program else 0,
        ranking=ranked.to_bytes(),
    )
    if keep:
        asked.insert_async()
    if same:
        with _recent_lock:
            _recent[key] = asked, ranked
    return asked, ranked


def _deeper(
    asked: QueryLog | None, question: SearchQuery, sight: _Scope, ranked: Ranking
) -> Ranking:
    """The ranking goes on, for this page and, where it is kept, for those that follow it."""
    deeper = _rank(question, sight, 4 * max(FIRST_DEPTH, len(ranked.hits)))
    longer = ranking.extend(ranked, deeper)
    if asked is None:
        return longer
    kept = QueryLog.objects.filter(pk=asked.pk)
    if kept.filter(ranking=ranked.to_bytes()).update(ranking=longer.to_bytes()):
        return longer
    # somebody who asked for this page at the same time was quicker, and may have read it
    there = kept.values_list("ranking", flat=True).first()
    return Ranking.from_bytes(bytes(there)) if there else longer


def _logged_query(
    person: permissions.AnyUser, question: SearchQuery, cursor: str
) -> tuple[QueryLog, int]:
    key, start = _read_cursor(cursor, uuid.UUID, int)
    asked = QueryLog.objects.filter(pk=key, person_id=person.pk).first()
    if asked is None or asked.question != question.to_querystring() or not 0 <= start < 10**6:
        raise InvalidQuery(NO_SUCH_PAGE)
    if asked.ranking is None:
        raise InvalidQuery("These results have expired. Search again.")
    return asked, start


def rank_query(*, person: permissions.AnyUser, question: SearchQuery, depth: int) -> Ranking:
    """The ranking alone, for whoever counts. Raises as `find`."""
    return _rank(question, _scope(person, question), depth)


def _rank(question: SearchQuery, sight: _Scope, depth: int) -> Ranking:
    return ranking.rank(
        question,
        space=sight.space,
        reach=sight.reach,
        depth=depth,
    )


def _scope(person: permissions.AnyUser, question: SearchQuery) -> _Scope:
    """In one query."""
    chosen = question.filters.brands
    rows = _scope_query(person, chosen).rows()
    if not rows:
        raise spaces.encoder_not_ready()
    seen: Any = rows[0]
    everything = permissions.has_full_access(person) and not chosen
    whole, approved = frozenset(seen.whole or ()), frozenset(seen.approved or ())
    return _Scope(
        seen,
        permissions.AssetScope(None if everything else whole, approved),
        unchanged=seen.waiting is None,
    )


def _scope_key(person: permissions.AnyUser, chosen: tuple[str, ...]) -> tuple[object, ...]:
    """What `access.brands` looks at."""
    return person.pk, person.is_active, permissions.has_full_access(person), chosen


@cached(LRUCache(MAX_PREPARED), key=_scope_key, lock=Lock())
def _scope_query(
    person: permissions.AnyUser, chosen: tuple[str, ...]
) -> PreparedQuery[VectorSpace]:
    whole, approved = (
        permissions.brands(person, *permissions.EDITORS),
        permissions.viewer_only_brands(person),
    )
    if chosen:
        whole, approved = (each.filter(slug__in=chosen) for each in (whole, approved))
    waiting = Embedding.objects.waiting().filter(space=OuterRef("pk"))
    return PreparedQuery(  # `spaces.active_space`, in one query with what the person may see
        VectorSpace.objects.active()
        .exclude(fingerprint=None)
        .defer("background", "gate")
        .annotate(
            whole=ArraySubquery(whole.order_by("pk").values("pk")),
            approved=ArraySubquery(approved.order_by("pk").values("pk")),
            waiting=Subquery(waiting.values("pk")[:1]),
        )
    )
