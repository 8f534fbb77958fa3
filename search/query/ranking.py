"""The ranking of a query: hits by meaning (CLIP and Milvus) and by words (PostgreSQL), fused."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from cachetools import TTLCache
from django.db.models import Q, QuerySet
from django.utils import timezone

from assetbank import permissions
from assetbank.models import Asset, Brand
from search.encoders import ComposedQuery, relevance
from search.errors import InvalidQuery, SearchUnavailable
from search.indexing import space_encoders
from search.models import Vector, VectorSpace
from search.query import embedding, fulltext
from search.query.filters import custom_fields, to_milvus, to_queryset
from search.query.prepared import MAX_PREPARED, PreparedQuery
from search.query.results import MatchedBy, RankedId, Ranking
from search.query.types import Filters, SearchQuery
from search.vectorstore import VectorStoreUnavailable, expressions, store

# Constant of reciprocal rank fusion, Cormack et al. 2009: the sum of 1 / (60 + rank)
RRF_K = 60
# Text hits requested for each nearest neighbour: they are cheap, and all of them match
TEXT_HITS_FACTOR = 4
MAX_CACHED_ANSWERS = 256  # Maximum answers of Milvus in memory, until the index changes
CACHE_SECONDS = 60
MAX_CACHED_HITS = 4_096  # Maximum hits of a cached answer, of 100 bytes each


def rank(
    question: SearchQuery,
    *,
    space: VectorSpace,
    scope: permissions.AssetScope,
    depth: int,
) -> Ranking:
    """Return the best `depth` hits by meaning, and TEXT_HITS_FACTOR times as many by words.

    `scope` limits them to the assets that the user may see. Raises InvalidQuery and
    SearchUnavailable.
    """
    composed = _compose(question, space)
    nearest = _Nearest.of(question, scope, space, composed.vector)
    by_words: list[fulltext.WordHit] = []
    if question.terms.include:  # Milvus and PostgreSQL answer in parallel
        first = _pool.submit(nearest.search, nearest.neighbour_count(depth))
        by_words = fulltext.match(question.terms, nearest.text_statement(TEXT_HITS_FACTOR * depth))
        found = first.result()
    else:
        found = nearest.search(nearest.neighbour_count(depth))
    hits, complete = nearest.filter_hits(found, depth)
    relevances = composed.relevance([hit.score for hit in hits])
    # "This bag, but in green": a text match on "green" does not imply a bag
    with_images = any(shown.weight > 0 for shown in question.shown)
    fused = _fuse(hits, relevances, by_words, require_meaning=with_images)
    query_assets = question.assets
    ranked = [hit for hit in fused if hit.id not in query_assets]
    if with_images or len(by_words) < TEXT_HITS_FACTOR * depth:
        return Ranking(tuple(ranked), complete)
    # Text matches further down come before near neighbours
    return Ranking(tuple(hit for hit in ranked if hit.matches), complete=False)


@dataclass(frozen=True)
class _Nearest:
    """The nearest neighbours of a query, without its own assets and those with excluded terms."""

    question: SearchQuery
    scope: permissions.AssetScope
    space: VectorSpace
    vector: Vector
    where: str
    checked: bool  # True: filters by custom fields are not in `where`, as too many assets match

    @classmethod
    def of(
        cls,
        question: SearchQuery,
        scope: permissions.AssetScope,
        space: VectorSpace,
        vector: Vector,
    ) -> _Nearest:
        """Return the nearest neighbours behind the query's filters.

        Milvus stores no custom fields: it is given the ids of the assets that pass, unless they are
        many; then its hits are checked in PostgreSQL.
        """
        filters = question.filters
        where = to_milvus(filters.without("custom"), scope)
        ids = custom_fields.listed_ids(filters, to_queryset(filters, scope.assets()))
        if ids is not None:
            where = expressions.all_of([where, expressions.one_of("id", ids)])
        checked = bool(filters.custom) and ids is None
        return cls(question, scope, space, vector, where, checked)

    def text_statement(self, limit: int) -> PreparedQuery[Asset]:
        terms = self.question.terms
        count = len(terms.include), len(terms.exclude)
        today = timezone.localdate()  # Part of the cache key: rights expire at the end of a day
        return _text_statement(self.scope, self.question.filters, today, *count, limit)

    def search(self, limit: int) -> list[store.Hit]:
        return nearest(self.space, self.vector, limit, self.where)

    def neighbour_count(self, depth: int) -> int:
        """Return the number of neighbours of which `depth` are likely to remain."""
        # Somewhat more than twice as many, as half may be excluded
        spare = depth * 5 // 4 if self.question.terms.exclude or self.checked else 0
        return min(depth + len(self.question.assets) + spare, store.MAX_HITS)

    def filter_hits(self, found: list[store.Hit], depth: int) -> tuple[list[store.Hit], bool]:
        """Return the remaining hits of `found`, or of deeper searches until `depth` remain; and
        True if there are no further ones."""
        limit = self.neighbour_count(depth)
        while True:
            hits = self._drop_excluded(found)
            if len(found) < limit or len(hits) >= depth:
                return hits, len(found) < limit
            if limit == store.MAX_HITS:
                break
            more = max(2, 2 * depth // max(1, len(hits)))  # By the share that remained
            limit = min(more * limit, store.MAX_HITS)
            found = self.search(limit)
        if self.question.terms.exclude or self.checked:  # Most are excluded: list ids
            limit = self.neighbour_count(depth)
            found = nearest(self.space, self.vector, limit, self._where_exactly())
            return self._drop_excluded(found), len(found) < limit or limit == store.MAX_HITS
        return hits, True

    def _where_exactly(self) -> str:
        """Return the filter with the ids of all excluded assets, or of all that pass."""
        candidates = _candidates(self.scope, self.question.filters)
        terms = [self.where]
        if self.checked:
            passing = candidates.order_by().values_list("pk", flat=True)
            terms.append(expressions.one_of("id", passing))
        if self.question.terms.exclude:
            excluded = sorted(fulltext.excluded_ids(self.question.terms, candidates))
            terms.append(expressions.none_of("id", excluded))
        return expressions.all_of(terms)

    def _drop_excluded(self, found: list[store.Hit]) -> list[store.Hit]:
        # Exclude query images: their score of 1 would skew relevance
        query_assets = self.question.assets
        hits = [hit for hit in found if hit.id not in query_assets]
        if self.checked:
            matching = custom_fields.condition(self.question.filters.custom)
            among = Asset.objects.filter(matching, pk__in=[hit.id for hit in hits])
            passing = set(among.order_by().values_list("pk", flat=True))
            hits = [hit for hit in hits if hit.id in passing]
        if not self.question.terms.exclude:
            return hits
        excluded = fulltext.excluded_ids(self.question.terms, [hit.id for hit in hits])
        return [hit for hit in hits if hit.id not in excluded]


def _candidates(scope: permissions.AssetScope, filters: Filters) -> QuerySet[Asset]:
    """Return the assets that a text match may find: those that `to_milvus` lets Milvus find."""
    return to_queryset(filters, scope.assets()).filter(_searchable())


@lru_cache(maxsize=MAX_PREPARED)
def _text_statement(
    scope: permissions.AssetScope,
    filters: Filters,
    today: datetime.date,
    include: int,
    exclude: int,
    limit: int,
) -> PreparedQuery[Asset]:
    candidates = _candidates(scope, filters)
    return fulltext.compile_match(candidates, include=include, exclude=exclude, limit=limit)


def extend_ranking(ranking: Ranking, deeper: Ranking) -> Ranking:
    """Return `ranking` with the new hits of a deeper ranking of the same query at its end.

    Pages that users have seen do not change.
    """
    known = {hit.id for hit in ranking.hits}
    added = tuple(hit for hit in deeper.hits if hit.id not in known)
    return Ranking(ranking.hits + added, deeper.complete or not added)


def _compose(question: SearchQuery, space: VectorSpace) -> ComposedQuery:
    background = space_encoders.load_background(str(space.fingerprint))
    try:
        return relevance.compose(embedding.query_parts(question, space), background)
    except ValueError as error:
        raise InvalidQuery(str(error)) from error


def _searchable() -> Q:
    """Return the condition that the policy of an asset's brand lets searches find it, if it is
    generated."""
    policy = Brand.SearchGenerated
    return (
        ~Q(origin=Asset.Origin.GENERATED)
        | Q(brand__search_generated=policy.ALL)
        | Q(brand__search_generated=policy.APPROVED, status=Asset.Status.APPROVED)
    )


def _fuse(
    hits: Sequence[store.Hit],
    relevances: Iterable[float],
    by_words: Sequence[fulltext.WordHit],
    *,
    require_meaning: bool,
) -> list[RankedId]:
    """Return all hits in one list, best first. With `require_meaning`, a text hit counts only if it
    also matches by meaning, or by its exact name."""
    scores: dict[int, float] = {}
    by: dict[int, MatchedBy] = {}
    relevance_of = {hit.id: float(value) for hit, value in zip(hits, relevances, strict=True)}
    for place, hit in enumerate(hits):
        scores[hit.id] = 1 / (RRF_K + place)
        by[hit.id] = (
            MatchedBy.MEANING if relevance_of[hit.id] >= relevance.MATCH_THRESHOLD else MatchedBy(0)
        )
    if require_meaning:
        by_words = [found for found in by_words if found.named or by.get(found.id)]
    for place, found in enumerate(by_words):
        scores[found.id] = scores.get(found.id, 0.0) + 1 / (RRF_K + place)
        by[found.id] = (
            by.get(found.id, MatchedBy(0))
            | MatchedBy.WORDS
            | (MatchedBy.NAME if found.named else MatchedBy(0))
        )

    def key(pk: int) -> tuple[bool, bool, float, int]:
        return MatchedBy.NAME not in by[pk], not by[pk], -scores[pk], pk

    return [RankedId(pk, relevance_of.get(pk), by[pk]) for pk in sorted(scores, key=key)]


_pool = ThreadPoolExecutor(16, thread_name_prefix="search")  # Threads start on demand
# Entries expire: a new revision means that a write was sent; Milvus may show it a moment later
_cached_hits: TTLCache[tuple[object, ...], list[store.Hit]] = TTLCache(
    MAX_CACHED_ANSWERS, ttl=CACHE_SECONDS
)
_cache_lock = Lock()


def nearest(space: VectorSpace, vector: Vector, limit: int, where: str) -> list[store.Hit]:
    """Return the nearest `limit` hits in Milvus, best first. Answers are cached until the index
    changes: `revision` increases with every write. Raises SearchUnavailable."""
    key = (space.collection, space.revision, vector.tobytes(), limit, where)
    with _cache_lock:
        if (cached := _cached_hits.get(key)) is not None:
            return cached
    try:
        hits = store.search(vector, limit=limit, where=where, collection=space.collection)
    except VectorStoreUnavailable as error:
        raise SearchUnavailable(f"Search is unavailable: {error} Browsing still works.") from error
    hits.sort(key=lambda hit: (-hit.score, hit.id))
    if len(hits) <= MAX_CACHED_HITS:
        with _cache_lock:
            _cached_hits[key] = hits
    return hits
