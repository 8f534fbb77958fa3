"""One question's ranking: meaning (CLIP and Milvus) and words (PostgreSQL) in one list."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntFlag
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

import numpy as np
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
from search.query.filters import to_milvus, to_queryset
from search.query.prepared import MAX_PREPARED, PreparedQuery
from search.query.types import Filters, SearchQuery
from search.vectorstore import VectorStoreUnavailable, expressions, store

RRF = 60  # reciprocal rank fusion, Cormack et al. 2009: 1 / (60 + rank), added up
WORDS = 4  # hits by words for each neighbour: they are cheap, and all of them match
MAX_CACHED_ANSWERS = 256  # answers of Milvus that are kept in memory until the index changes
CACHE_SECONDS = 60
MAX_CACHED_HITS = 4_096  # hits of such an answer; 100 bytes each

STORED = np.dtype([("id", "<i8"), ("relevance", "<f4"), ("by", "u1")])


class MatchedBy(IntFlag):
    """What an asset was found by; without any it is merely the next nearest."""

    MEANING = 1
    WORDS = 2
    NAME = 4  # file name or article number, typed exactly


class RankedId(NamedTuple):
    id: int
    relevance: float | None  # 0 to 1, from relevance.LINE on it matches; None: found by words alone
    by: MatchedBy

    @property
    def matches(self) -> bool:
        return bool(self.by)


@dataclass(frozen=True)
class Ranking:
    """Best first: exact names, what matches, then what is merely near."""

    hits: tuple[RankedId, ...]
    complete: bool  # there is nothing behind the last one

    @property
    def matched(self) -> int:
        return sum(hit.matches for hit in self.hits)

    @property
    def more_match(self) -> bool:
        """What is behind the last one may match, too."""
        return not self.complete and self.matched == len(self.hits)

    def to_bytes(self) -> bytes:
        rows = [
            (hit.id, np.nan if hit.relevance is None else hit.relevance, int(hit.by))
            for hit in self.hits
        ]
        return bytes([self.complete]) + np.array(rows, dtype=STORED).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Ranking:
        rows = np.frombuffer(data[1:], dtype=STORED)
        hits = tuple(
            RankedId(int(pk), None if np.isnan(score) else float(score), MatchedBy(int(by)))
            for pk, score, by in rows
        )
        return cls(hits, complete=bool(data[0]))


def rank(
    question: SearchQuery,
    *,
    space: VectorSpace,
    reach: permissions.AssetScope,
    depth: int,
) -> Ranking:
    """The best `depth` by meaning and WORDS times as many by words, of what may be seen.

    Raises InvalidQuestion and SearchUnavailable.
    """
    where = to_milvus(question.filters, reach)
    composed = _compose(question, space)
    nearest = _Nearest(question, reach, space, composed.vector, where)
    by_words: list[fulltext.WordHit] = []
    if question.terms.include:  # Milvus answers while PostgreSQL does
        first = _pool.submit(nearest.search, nearest.enough(depth))
        by_words = fulltext.match(question.terms, nearest.with_words(WORDS * depth))
        found = first.result()
    else:
        found = nearest.search(nearest.enough(depth))
    hits, complete = nearest.wanted(found, depth)
    shares = composed.relevance([hit.score for hit in hits])
    # "this bag, but in green": to be called green says nothing of the bag
    beside_pictures = any(shown.weight > 0 for shown in question.shown)
    fused = _fuse(hits, shares, by_words, only_near=beside_pictures)
    asked_with = question.assets
    ranked = [hit for hit in fused if hit.id not in asked_with]
    if beside_pictures or len(by_words) < WORDS * depth:
        return Ranking(tuple(ranked), complete)
    # what words find further down comes before what is merely near
    return Ranking(tuple(hit for hit in ranked if hit.matches), complete=False)


@dataclass(frozen=True)
class _Nearest:
    """The nearest by meaning, without those that were asked with and those with unwanted words."""

    question: SearchQuery
    reach: permissions.AssetScope
    space: VectorSpace
    vector: Vector
    where: str

    def with_words(self, most: int) -> PreparedQuery[Asset]:
        terms = self.question.terms
        count = len(terms.include), len(terms.exclude)
        today = timezone.localdate()  # rights end with a day
        return _with_words(self.reach, self.question.filters, today, *count, most)

    def search(self, most: int) -> list[store.Hit]:
        return nearest(self.space, self.vector, most, self.where)

    def enough(self, depth: int) -> int:
        """So many neighbours that `depth` of them are likely to be left."""
        # so that half may be unwanted
        spare = depth * 5 // 4 if self.question.terms.exclude else 0
        return min(depth + len(self.question.assets) + spare, store.MAX_HITS)

    def wanted(self, found: list[store.Hit], depth: int) -> tuple[list[store.Hit], bool]:
        """Of the nearest that were `found`, or of further ones; and whether there are no more."""
        most = self.enough(depth)
        while True:
            hits = self._without_unwanted(found)
            if len(found) < most or len(hits) >= depth:
                return hits, len(found) < most
            if most == store.MAX_HITS:
                break
            more = max(2, 2 * depth // max(1, len(hits)))  # as the share that was left says
            most = min(more * most, store.MAX_HITS)
            found = self.search(most)
        if self.question.terms.exclude:  # so many are unwanted that it pays to name them all
            candidates = _candidates(self.reach, self.question.filters)
            unwanted = sorted(fulltext.excluded_ids(self.question.terms, candidates))
            where = expressions.all_of([self.where, expressions.none_of("id", unwanted)])
            most = self.enough(depth)
            found = nearest(self.space, self.vector, most, where)
            return self._without_unwanted(found), len(found) < most or most == store.MAX_HITS
        return hits, True

    def _without_unwanted(self, found: list[store.Hit]) -> list[store.Hit]:
        # what is asked with is no answer, and its perfect score no measure for the others
        asked_with = self.question.assets
        hits = [hit for hit in found if hit.id not in asked_with]
        if not self.question.terms.exclude:
            return hits
        unwanted = fulltext.excluded_ids(self.question.terms, [hit.id for hit in hits])
        return [hit for hit in hits if hit.id not in unwanted]


def _candidates(reach: permissions.AssetScope, filters: Filters) -> QuerySet[Asset]:
    """Return the assets that PostgreSQL looks among, as `to_milvus` says it to Milvus."""
    return to_queryset(filters, reach.assets()).filter(_searchable())


@lru_cache(maxsize=MAX_PREPARED)
def _with_words(
    reach: permissions.AssetScope,
    filters: Filters,
    today: datetime.date,
    wanted: int,
    unwanted: int,
    most: int,
) -> PreparedQuery[Asset]:
    among = _candidates(reach, filters)
    return fulltext.compile_match(among, wanted=wanted, unwanted=unwanted, most=most)


def extend(ranking: Ranking, deeper: Ranking) -> Ranking:
    """What a deeper ranking of the same question adds comes behind what was shown already."""
    there = {hit.id for hit in ranking.hits}
    added = tuple(hit for hit in deeper.hits if hit.id not in there)
    return Ranking(ranking.hits + added, deeper.complete or not added)


def _compose(question: SearchQuery, space: VectorSpace) -> ComposedQuery:
    background = space_encoders.background(str(space.fingerprint))
    try:
        return relevance.compose(embedding.query_parts(question, space), background)
    except ValueError as error:
        raise InvalidQuery(str(error)) from error


def _searchable() -> Q:
    """The brands' policies on generated pictures."""
    policy = Brand.SearchGenerated
    return (
        ~Q(origin=Asset.Origin.GENERATED)
        | Q(brand__search_generated=policy.ALL)
        | Q(brand__search_generated=policy.APPROVED, status=Asset.Status.APPROVED)
    )


def _fuse(
    hits: Sequence[store.Hit],
    shares: Iterable[float],
    by_words: Sequence[fulltext.WordHit],
    *,
    only_near: bool,
) -> list[RankedId]:
    """With `only_near`, words count for what matches by meaning, too; exact names always."""
    scores: dict[int, float] = {}
    by: dict[int, MatchedBy] = {}
    relevances = {hit.id: float(share) for hit, share in zip(hits, shares, strict=True)}
    for place, hit in enumerate(hits):
        scores[hit.id] = 1 / (RRF + place)
        by[hit.id] = (
            MatchedBy.MEANING if relevances[hit.id] >= relevance.MATCH_THRESHOLD else MatchedBy(0)
        )
    if only_near:
        by_words = [found for found in by_words if found.named or by.get(found.id)]
    for place, found in enumerate(by_words):
        scores[found.id] = scores.get(found.id, 0.0) + 1 / (RRF + place)
        by[found.id] = (
            by.get(found.id, MatchedBy(0))
            | MatchedBy.WORDS
            | (MatchedBy.NAME if found.named else MatchedBy(0))
        )

    def key(pk: int) -> tuple[bool, bool, float, int]:
        return MatchedBy.NAME not in by[pk], not by[pk], -scores[pk], pk

    return [RankedId(pk, relevances.get(pk), by[pk]) for pk in sorted(scores, key=key)]


_pool = ThreadPoolExecutor(16, thread_name_prefix="search")  # makes its threads when needed
# A revision says that something was written; Milvus servers may show it a moment later
_kept: TTLCache[tuple[object, ...], list[store.Hit]] = TTLCache(
    MAX_CACHED_ANSWERS, ttl=CACHE_SECONDS
)
_kept_lock = Lock()


def nearest(space: VectorSpace, vector: Vector, wanted: int, where: str) -> list[store.Hit]:
    """Milvus's answer, kept until the index changes: `revision` rises with every write."""
    key = (space.collection, space.revision, vector.tobytes(), wanted, where)
    with _kept_lock:
        if (kept := _kept.get(key)) is not None:
            return kept
    try:
        hits = store.search(vector, limit=wanted, where=where, collection=space.collection)
    except VectorStoreUnavailable as error:
        raise SearchUnavailable(f"Search is unavailable: {error} Browsing still works.") from error
    hits.sort(key=lambda hit: (-hit.score, hit.id))
    if len(hits) <= MAX_CACHED_HITS:
        with _kept_lock:
            _kept[key] = hits
    return hits
