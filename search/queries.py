"""Questions to assets: `find` for pages and API alike."""

from __future__ import annotations

import base64
import datetime
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cachetools import TTLCache
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from assetbank import access
from assetbank.models import Asset, AssetQuerySet, CollectionItem
from search import ranking, words
from search.errors import InvalidQuestion
from search.fields import cut
from search.models import Asked, Embedding, VectorSpace, with_index_state
from search.questions import PUT_ASIDE, Question
from search.ranking import By, Ranked, Ranking
from search.vectors import not_ready

PAGE_SIZE = 48
MOST_PAGE_SIZE = 200
LONGEST_TEXT = 1_000
INDEXED_BYTES = 2_600  # of a text that PostgreSQL is sure to take into an index
FIRST_DEPTH = 64  # nearest neighbours: a page and a few more; further ones when somebody goes on
NO_SUCH_PAGE = "This page does not exist (bad cursor)."
RANKINGS_KEPT = 256


@dataclass(frozen=True)
class Found:
    asset: Asset
    hit: Ranked | None = None  # None when browsing
    highlights: tuple[words.Highlight, ...] = ()

    @property
    def relevance(self) -> float | None:
        """0 to 1, from 0.5 on it really matches; None when browsing, or found by words alone."""
        return self.hit.relevance if self.hit else None

    @property
    def matches(self) -> bool:
        return self.hit is None or self.hit.matches

    @property
    def by(self) -> list[str]:
        """meaning, words, name."""
        return [str(each.name).lower() for each in By if self.hit and each in self.hit.by]


@dataclass(frozen=True)
class Page:
    found: list[Found]
    next_cursor: str = ""  # empty on the last page
    asked: uuid.UUID | None = None  # what clicks are told of; None when browsing
    matched: int | None = None  # how many of those ranked so far really match; None when browsing


@dataclass(frozen=True)
class _Sight:
    """What answers this person: the space, and the brands that they may see and ask for."""

    space: VectorSpace
    brands: frozenset[int] | None  # None: all
    unchanged: bool  # nothing waits to be indexed: the revision says whether anything changed


def find(
    *,
    person: access.Person,
    question: Question,
    limit: int = PAGE_SIZE,
    cursor: str = "",
    keep: bool = True,
) -> Page:
    """A page of what `person` may see, best or newest first.

    With `keep`, what was found is remembered, and the page has a cursor. Raises InvalidQuestion,
    and SearchUnavailable when the encoder or Milvus is down; browsing needs neither.
    """
    limit = max(1, min(limit, MOST_PAGE_SIZE))
    if len(question.text) > LONGEST_TEXT:
        raise InvalidQuestion(f"A question has at most {LONGEST_TEXT} characters.")
    wording = words.parse(question.text)
    if question.browsing:
        return _browse(person, question, wording, limit, cursor)
    start, sight = 0, None
    if cursor:
        asked, start = _asked(person, question, cursor)
        ranked = Ranking.from_bytes(bytes(asked.ranking or b""))
    else:
        sight = _sight(person, question)
        asked, ranked = _ask(person, question, sight, max(FIRST_DEPTH, limit + 1), keep)
    found: list[Found] = []
    while True:
        more = ranked.hits[start : start + limit + 1 - len(found)]
        seen = access.assets_in(sight.brands) if sight else access.assets(person)
        found += _rows(seen, question, wording, more)
        start += len(more)
        if len(found) > limit or (start >= len(ranked.hits) and ranked.complete):
            break
        if not more:  # all that was ranked is shown or gone: rank further down
            sight = sight or _sight(person, question)
            ranked = _further(asked, question, sight, ranked)
    following = ""
    if len(found) > limit:
        following = _cursor(asked.pk.hex, start - (len(found) - limit)) if keep else ""
    return Page(found[:limit], following, asked.pk if keep else None, ranked.matched)


def _rows(
    seen: AssetQuerySet, question: Question, wording: words.Wording, hits: Sequence[Ranked]
) -> list[Found]:
    """In the order of the ranking; what the person may not see, or what is gone, is dropped."""
    shown = _shown(seen)
    if by_words := [hit.id for hit in hits if By.WORDS in hit.by]:
        shown = words.with_highlights(wording, shown, of=by_words)
    if not question.filters.statuses:
        shown = shown.exclude(status__in=PUT_ASIDE)  # since it was ranked
    assets = shown.in_bulk([hit.id for hit in hits])
    return [
        Found(
            assets[hit.id],
            hit,
            tuple(words.highlights(assets[hit.id])) if By.WORDS in hit.by else (),
        )
        for hit in hits
        if hit.id in assets
    ]


def _shown(seen: AssetQuerySet) -> AssetQuerySet:
    """With all that a card or a JSON object shows, in one query."""
    return with_index_state(seen.with_tags().with_author()).select_related("brand")


# ------------------------------------------------------------------------ one ranking, many pages

_recent: TTLCache[tuple[object, ...], tuple[Asked, Ranking]] = TTLCache(
    RANKINGS_KEPT, ttl=ranking.KEPT_SECONDS
)
_recent_lock = Lock()


def _ask(
    person: access.Person, question: Question, sight: _Sight, depth: int, keep: bool
) -> tuple[Asked, Ranking]:
    """The ranking, and the row that keeps it. The same question again within a minute, while
    nothing has changed, costs nothing and is one row."""
    who = person.pk, sight.brands, timezone.localdate()
    key = (*who, question.address(), depth, keep, sight.space.collection, sight.space.revision)
    # what is in a collection changes without the index
    same = sight.unchanged and question.filters.collection is None
    if same:
        with _recent_lock:
            if (recent := _recent.get(key)) is not None:
                return recent
    ranked = _rank(question, sight, depth)
    asked = Asked(
        person_id=person.pk,
        # lower case may be longer, and an index of PostgreSQL takes no row that is
        words=cut(" ".join(question.text.lower().split())[:LONGEST_TEXT], INDEXED_BYTES),
        question=question.address(),
        space=sight.space,
        matched=ranked.matched,
        ranking=ranked.to_bytes(),
    )
    if keep:
        asked.save(force_insert=True)
    if same:
        with _recent_lock:
            _recent[key] = asked, ranked
    return asked, ranked


def _further(asked: Asked, question: Question, sight: _Sight, ranked: Ranking) -> Ranking:
    """The ranking goes on, for this page and those that follow it."""
    deeper = _rank(question, sight, 4 * max(FIRST_DEPTH, len(ranked.hits)))
    ranked = ranking.extend(ranked, deeper)
    Asked.objects.filter(pk=asked.pk).update(ranking=ranked.to_bytes())
    return ranked


def _asked(person: access.Person, question: Question, cursor: str) -> tuple[Asked, int]:
    key, start = _read_cursor(cursor, uuid.UUID, int)
    asked = Asked.objects.filter(pk=key, person_id=person.pk).first()
    if asked is None or asked.question != question.address() or not 0 <= start < 10**6:
        raise InvalidQuestion(NO_SUCH_PAGE)
    if asked.ranking is None:
        raise InvalidQuestion("This page is older than a day: please ask again.")
    return asked, start


def rank(*, person: access.Person, question: Question, depth: int) -> Ranking:
    """The ranking alone, for whoever counts. Raises as `find`."""
    return _rank(question, _sight(person, question), depth)


def _rank(question: Question, sight: _Sight, depth: int) -> Ranking:
    return ranking.rank(
        question,
        space=sight.space,
        assets=access.assets_in(sight.brands),
        brands=sight.brands,
        depth=depth,
    )


def _sight(person: access.Person, question: Question) -> _Sight:
    """In one query."""
    brands = access.brands(person)
    if question.filters.brands:
        brands = brands.filter(slug__in=question.filters.brands)
    space = (
        VectorSpace.objects.filter(active=True)
        .exclude(fingerprint=None)
        .defer("background", "gate")
        .annotate(
            brands=ArraySubquery(brands.order_by("pk").values("pk")),
            waiting=Subquery(
                Embedding.objects.waiting().filter(space=OuterRef("pk")).values("pk")[:1]
            ),
        )
        .first()
    )
    if space is None:
        raise not_ready()
    everything = access.sees_all(person) and not question.filters.brands
    return _Sight(
        space,
        None if everything else frozenset(space.brands or ()),
        unchanged=space.waiting is None,
    )


# ------------------------------------------------------------------------ browsing


def _browse(
    person: access.Person, question: Question, wording: words.Wording, limit: int, cursor: str
) -> Page:
    assets = words.without(wording, question.filters.apply(_shown(access.assets(person))))
    if question.filters.collection is not None:
        return _browse_collection(assets, question.filters.collection, limit, cursor)
    assets = assets.order_by("-created_at", "-id")
    if cursor:
        created_at, last = _read_cursor(cursor, datetime.datetime.fromisoformat, int)
        assets = assets.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=last))
    rows = list(assets[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    following = _cursor(rows[-1].created_at.isoformat(), rows[-1].pk) if more else ""
    return Page([Found(asset) for asset in rows], following)


def _browse_collection(assets: QuerySet[Asset], collection: int, limit: int, cursor: str) -> Page:
    """In the order that people gave it."""
    inside = CollectionItem.objects.filter(collection=collection, asset=OuterRef("pk"))
    assets = assets.annotate(place=Subquery(inside.values("position"))).order_by("place", "id")
    if cursor:
        place, last = _read_cursor(cursor, int, int)
        assets = assets.filter(Q(place__gt=place) | Q(place=place, id__gt=last))
    rows: list[Any] = list(assets[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    following = _cursor(rows[-1].place, rows[-1].pk) if more else ""
    return Page([Found(asset) for asset in rows], following)


# ------------------------------------------------------------------------ cursors


def _cursor(*values: object) -> str:
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, *types: type | object) -> list:  # type: ignore[type-arg]
    """The values behind a cursor; a page's address may have been tampered with."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.urlsafe_b64decode(padded))
        if len(values) != len(types):
            raise ValueError(cursor)
        return [kind(value) for kind, value in zip(types, values, strict=True)]  # type: ignore[operator]
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidQuestion(NO_SUCH_PAGE) from error
