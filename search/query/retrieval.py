"""Search: `search` returns pages of hits, for the pages and the API."""

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
from search.query.browse import browse
from search.query.cursors import NO_SUCH_PAGE, decode_cursor, encode_cursor
from search.query.prepared import MAX_PREPARED, PreparedQuery, is_in_param
from search.query.results import PAGE_SIZE, MatchedBy, Page, RankedId, Ranking, SearchHit
from search.query.types import HIDDEN_STATUSES, SearchQuery
from search.vectorstore import schema

MAX_PAGE_SIZE = 200
MAX_TEXT_LENGTH = 1_000  # Characters
INDEXED_BYTES = 2_600  # Maximum length of a text that always fits into a PostgreSQL index row
FIRST_DEPTH = PAGE_SIZE + 1  # Nearest neighbours ranked at first; more when a user pages on
MAX_CACHED_RANKINGS = 256
BRAND_COLUMNS = {  # Annotation of an asset -> field of its brand
    "brand_name": "name",
    "brand_slug": "slug",
    "brand_fields_changed_at": "fields_changed_at",
}
MAX_LEAVING = 1_000  # Assets moved to the trash that counts leave out before the index does


@dataclass(frozen=True)
class _Scope:
    """Search scope of a user: the active vector space, and the visible assets of the chosen
    brands."""

    space: VectorSpace
    asset_scope: permissions.AssetScope
    unchanged: bool  # True if nothing waits to be indexed: then the revision identifies the data
    leaving: frozenset[int]  # ids of assets in the trash that Milvus may still find


def search(
    *,
    person: permissions.AnyUser,
    question: SearchQuery,
    limit: int = PAGE_SIZE,
    cursor: str = "",
    keep: bool = True,
    by_program: bool = False,
) -> Page:
    """Return a page of assets that `person` may see, best first; newest first when browsing.

    With `keep`, the query and its ranking are logged, and the page has a cursor. `by_program` logs
    it without counting clicks. Raises InvalidQuery, and SearchUnavailable if the encoder or Milvus
    is unavailable; browsing needs neither.
    """
    limit = max(1, min(limit, MAX_PAGE_SIZE))
    if len(question.text) > MAX_TEXT_LENGTH:
        raise InvalidQuery(f"A search has at most {MAX_TEXT_LENGTH} characters. Shorten it.")
    if question.browsing:
        return browse(person, question, limit, cursor)
    scope = _scope(person, question)
    if cursor:
        logged, start = _logged_query(person, question, cursor)
        ranked = Ranking.from_bytes(bytes(logged.ranking or b""))
    else:
        start = 0
        logged, ranked = _search(person, question, scope, limit, keep, by_program)
    found: list[SearchHit] = []
    while True:
        batch = ranked.hits[start : start + limit + 1 - len(found)]
        found += _rows(scope, question, batch)
        start += len(batch)
        if len(found) > limit or (start >= len(ranked.hits) and ranked.complete):
            break
        if not batch:  # All ranked hits are shown or no longer visible: rank deeper
            ranked = _deeper(logged if keep else None, question, scope, ranked)
    has_more = keep and len(found) > limit
    next_cursor = encode_cursor(logged.pk.hex, start - (len(found) - limit)) if has_more else ""
    return Page(found[:limit], next_cursor, logged.pk if keep else None, ranked.matched)


def _rows(scope: _Scope, question: SearchQuery, hits: Sequence[RankedId]) -> list[SearchHit]:
    """Return hits with their assets, in the order of the ranking; drop deleted assets, and those
    that the user may not see."""
    by_words = [hit.id for hit in hits if MatchedBy.WORDS in hit.by]
    include_hidden = bool(question.filters.statuses)
    statement = _rows_query(
        scope.space.pk, scope.asset_scope, include_hidden, marked=bool(by_words)
    )
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
    """Set `brand` of each asset to an object shared by all assets of the brand, with its id and
    BRAND_COLUMNS only."""
    brands: dict[int, Brand] = {}
    for asset in assets:
        if asset.brand_id not in brands:
            values = [getattr(asset, name) for name in ("brand_id", *BRAND_COLUMNS)]
            names = ["id", *BRAND_COLUMNS.values()]
            brands[asset.brand_id] = Brand.from_db(asset._state.db, names, values)
        asset.brand = brands[asset.brand_id]
    return assets


@lru_cache(maxsize=MAX_PREPARED)
def _rows_query(
    space: int, scope: permissions.AssetScope, include_hidden: bool, *, marked: bool
) -> PreparedQuery[Asset]:
    visible = scope.assets().with_tags().with_author()
    columns = {column: F(f"brand__{name}") for column, name in BRAND_COLUMNS.items()}
    assets = with_index_state(visible, space).annotate(**columns)
    if not include_hidden:
        # Some may have been archived or quarantined since they were ranked
        assets = assets.exclude(status__in=HIDDEN_STATUSES)
    if marked:  # Without text hits, the query is a fifth faster
        assets = fulltext.with_highlights(assets, of="by_words", phrases="phrases")
    return PreparedQuery(assets.filter(is_in_param("pk", "ids")).order_by())


# ------------------------------------------------------------------------ rankings

_recent: TTLCache[tuple[object, ...], tuple[QueryLog, Ranking]] = TTLCache(
    MAX_CACHED_RANKINGS, ttl=ranking.CACHE_SECONDS
)
_recent_lock = Lock()


def _search(
    person: permissions.AnyUser,
    question: SearchQuery,
    scope: _Scope,
    limit: int,
    keep: bool,
    by_program: bool,
) -> tuple[QueryLog, Ranking]:
    """Return the logged query and its ranking, at least deep enough for `limit` hits and one more.

    A query repeated within a minute, with an unchanged index, is answered from memory and logged
    once. Raises InvalidQuery and SearchUnavailable.
    """
    depth = max(FIRST_DEPTH, limit + 1)
    address = question.to_querystring()
    viewer = person.pk, scope.asset_scope, timezone.localdate(), keep, by_program
    key = (*viewer, address, depth, scope.space.collection, scope.space.revision)
    # The contents of a collection and custom fields change without the index
    cacheable = scope.unchanged and not (question.filters.collection or question.filters.custom)
    if cacheable:
        with _recent_lock:
            if (recent := _recent.get(key)) is not None:
                return recent
    ranked = _rank(question, scope, depth)
    logged = QueryLog(
        person_id=person.pk,
        # Lower case may be longer, and PostgreSQL does not index a row that is too long
        words=schema.cut(" ".join(question.text.lower().split())[:MAX_TEXT_LENGTH], INDEXED_BYTES),
        question=address,
        space=scope.space,
        matched=ranked.matched,
        clicks=None if by_program else 0,
        ranking=ranked.to_bytes(),
    )
    if keep:
        logged.insert_async()
    if cacheable:
        with _recent_lock:
            _recent[key] = logged, ranked
    return logged, ranked


def _deeper(
    logged: QueryLog | None, question: SearchQuery, scope: _Scope, ranked: Ranking
) -> Ranking:
    """Return a deeper ranking of the query, which begins with `ranked`.

    It is saved for the next pages if the query is logged. Raises InvalidQuery and
    SearchUnavailable.
    """
    deeper = _rank(question, scope, 4 * max(FIRST_DEPTH, len(ranked.hits)))
    extended = ranking.extend_ranking(ranked, deeper)
    if logged is None:
        return extended
    rows = QueryLog.objects.filter(pk=logged.pk)
    if rows.filter(ranking=ranked.to_bytes()).update(ranking=extended.to_bytes()):
        return extended
    # A concurrent request for this page saved its ranking first, and its user may have read it
    saved = rows.values_list("ranking", flat=True).first()
    return Ranking.from_bytes(bytes(saved)) if saved else extended


def _logged_query(
    person: permissions.AnyUser, question: SearchQuery, cursor: str
) -> tuple[QueryLog, int]:
    """Return the logged query of a cursor, and the index of its page's first hit. Raises
    InvalidQuery if it belongs to another user or query, or has expired."""
    key, start = decode_cursor(cursor, uuid.UUID, int)
    logged = QueryLog.objects.filter(pk=key, person_id=person.pk).first()
    if logged is None or logged.question != question.to_querystring() or not 0 <= start < 10**6:
        raise InvalidQuery(NO_SUCH_PAGE)
    if logged.ranking is None:
        raise InvalidQuery("These results have expired. Search again.")
    return logged, start


def rank_for_user(*, person: permissions.AnyUser, question: SearchQuery, depth: int) -> Ranking:
    """Return the ranking of a query for a user, `depth` hits by meaning deep; nothing is logged.

    Used to count matches. Raises InvalidQuery and SearchUnavailable.
    """
    return _rank(question, _scope(person, question), depth)


def _rank(question: SearchQuery, scope: _Scope, depth: int) -> Ranking:
    ranked = ranking.rank(question, space=scope.space, scope=scope.asset_scope, depth=depth)
    if not scope.leaving:
        return ranked
    hits = tuple(hit for hit in ranked.hits if hit.id not in scope.leaving)
    return Ranking(hits, ranked.complete)


def _scope(person: permissions.AnyUser, question: SearchQuery) -> _Scope:
    """Return the scope of the user's search, read in one SQL query.

    Raises SearchUnavailable if no encoder is loaded yet.
    """
    chosen = question.filters.brands
    rows = _scope_query(person, chosen).rows()
    if not rows:
        raise spaces.encoder_not_ready()
    row: Any = rows[0]
    everything = permissions.has_full_access(person) and not chosen
    whole, approved = frozenset(row.whole or ()), frozenset(row.approved or ())
    return _Scope(
        row,
        permissions.AssetScope(None if everything else whole, approved),
        unchanged=row.waiting is None,
        leaving=frozenset(row.leaving or ()),
    )


def _scope_key(person: permissions.AnyUser, chosen: tuple[str, ...]) -> tuple[object, ...]:
    """Return the cache key of `_scope_query`: what `permissions.brands` reads of the user, and
    slugs."""
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
    leaving = waiting.filter(asset__deleted_at__isnull=False).order_by("pk")
    return PreparedQuery(  # `spaces.active_space`, joined with the brands that the user may see
        VectorSpace.objects.active()
        .exclude(fingerprint=None)
        .defer("background", "gate")
        .annotate(
            whole=ArraySubquery(whole.order_by("pk").values("pk")),
            approved=ArraySubquery(approved.order_by("pk").values("pk")),
            waiting=Subquery(waiting.values("pk")[:1]),
            leaving=ArraySubquery(leaving.values("asset_id")[:MAX_LEAVING]),
        )
    )
