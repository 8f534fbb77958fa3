"""Questions to assets: `find` for pages and API alike."""

from __future__ import annotations

import base64
import datetime
import gc
import io
import json
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery

from assetbank import access, pictures
from assetbank.errors import PictureTooLarge
from assetbank.models import Asset, CollectionItem
from search import clip, milvus, spaces
from search.checkpoints import EncoderError
from search.errors import InvalidQuestion, SearchUnavailable
from search.models import Embedding, PictureQuestion, Vector, VectorSpace
from search.questions import Question

PAGE_SIZE = 48
MOST_PAGE_SIZE = 200
LONGEST_TEXT = 1_000
NO_SUCH_PAGE = "This page does not exist (bad cursor)."
FOUND_KEPT = 256  # questions whose hits are kept in memory until the index changes


@dataclass(frozen=True)
class Found:
    asset: Asset
    score: float | None  # cosine similarity, -1 to 1; None when browsing


@dataclass(frozen=True)
class Page:
    found: list[Found]
    next_cursor: str  # empty on the last page


def find(
    *, person: access.Person, question: Question, limit: int = PAGE_SIZE, cursor: str = ""
) -> Page:
    """A page of what `person` may see, best or newest first.

    Raises InvalidQuestion, and SearchUnavailable when the encoder or Milvus is down; browsing needs
    neither.
    """
    limit = max(1, min(limit, MOST_PAGE_SIZE))
    if question.browsing:
        return _browse(person, question, limit, cursor)
    if len(question.text) > LONGEST_TEXT:
        raise InvalidQuestion(f"A question has at most {LONGEST_TEXT} characters.")
    return _search(person, question, limit, cursor)


# ------------------------------------------------------------------------ browsing


def _browse(person: access.Person, question: Question, limit: int, cursor: str) -> Page:
    if question.filters.collection is not None:
        return _browse_collection(person, question, limit, cursor)
    assets = question.filters.apply(_shown(person)).order_by("-created_at", "-id")
    if cursor:
        created_at, last = _read_cursor(cursor, datetime.datetime.fromisoformat, int)
        assets = assets.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=last))
    rows = list(assets[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    following = _cursor(rows[-1].created_at.isoformat(), rows[-1].pk) if more else ""
    return Page([Found(asset, None) for asset in rows], following)


def _browse_collection(person: access.Person, question: Question, limit: int, cursor: str) -> Page:
    """In the order that people gave it."""
    inside = CollectionItem.objects.filter(
        collection=question.filters.collection, asset=OuterRef("pk")
    )
    assets = question.filters.apply(_shown(person))
    placed = assets.annotate(place=Subquery(inside.values("position"))).order_by("place", "id")
    if cursor:
        place, last = _read_cursor(cursor, int, int)
        placed = placed.filter(Q(place__gt=place) | Q(place=place, id__gt=last))
    rows = list(placed[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    following = _cursor(rows[-1].place, rows[-1].pk) if more else ""
    return Page([Found(asset, None) for asset in rows], following)


# ------------------------------------------------------------------------ searching


def _search(person: access.Person, question: Question, limit: int, cursor: str) -> Page:
    seen, last_score, last_id = _read_cursor(cursor, int, float, int) if cursor else (0, 2.0, 0)
    if not (0 <= seen <= milvus.MOST_HITS and math.isfinite(last_score)):
        raise InvalidQuestion(NO_SUCH_PAGE)
    space = _space()
    vector = _vector(question, space)
    where = question.filters.expression(_visible(person))
    found: list[Found] = []
    while True:
        # a little more than asked: rows that are gone or hidden by now leave no gap in the page
        wanted = seen + limit + 1 + (1 if question.like else 0)
        hits = _hits(space, vector, wanted, where)
        rest = [hit for hit in hits if (-hit.score, hit.id) > (-last_score, last_id)]
        found += _rows(person, question, rest)
        exhausted = len(hits) < wanted or wanted >= milvus.MOST_HITS
        if rest:
            last_score, last_id = rest[-1].score, rest[-1].id
        seen += len(rest)
        if len(found) > limit or exhausted or not rest:
            break
    page = found[:limit]
    if len(found) <= limit and exhausted:
        return Page(page, "")
    if not page:  # of a cursor that points past the end
        return Page([], "")
    last = page[-1]
    position = seen - (len(found) - len(page))
    return Page(page, _cursor(position, last.score, last.asset.pk))


def _rows(person: access.Person, question: Question, hits: Sequence[milvus.Hit]) -> list[Found]:
    """Assets in Milvus's order; what the person may not see, or what is gone, is dropped here."""
    assets = _shown(person).in_bulk([hit.id for hit in hits])
    like = question.like.pk if question.like else None
    return [Found(assets[hit.id], hit.score) for hit in hits if hit.id in assets and hit.id != like]


def _shown(person: access.Person) -> QuerySet[Asset]:
    """With all that a card or a JSON object shows, in a fixed number of queries."""
    return (
        access.assets(person)
        .with_tags()
        .select_related("brand", "embedding")
        .defer("embedding__vector_bytes")
    )


def _visible(person: access.Person) -> frozenset[int] | None:
    if access.sees_all(person):
        return None
    return frozenset(access.brands(person).values_list("pk", flat=True))


_found: OrderedDict[tuple[object, ...], list[milvus.Hit]] = OrderedDict()
_found_lock = Lock()


def _hits(space: VectorSpace, vector: Vector, wanted: int, where: str) -> list[milvus.Hit]:
    """Milvus's answer, kept until the index changes: `revision` rises with every write."""
    key = (milvus.alias(), space.fingerprint, space.revision, vector.tobytes(), wanted, where)
    with _found_lock:
        if key in _found:
            _found.move_to_end(key)
            return _found[key]
    try:
        hits = milvus.search(vector, limit=wanted, where=where)
    except milvus.MilvusDown as error:
        raise SearchUnavailable(f"Search is down: {error} Browsing still works.") from error
    hits.sort(key=lambda hit: (-hit.score, hit.id))
    with _found_lock:
        _found[key] = hits
        if len(_found) > FOUND_KEPT:
            _found.popitem(last=False)
    return hits


# ------------------------------------------------------------------------ vectors


def _space() -> VectorSpace:
    space = VectorSpace.objects.filter(active=True).first()
    if space is None:
        raise SearchUnavailable(
            "Search is not ready yet: the index worker has not loaded an encoder. "
            "Browsing still works."
        )
    return space


def _vector(question: Question, space: VectorSpace) -> Vector:
    if question.picture:
        if question.picture.fingerprint != space.fingerprint:
            raise InvalidQuestion("The encoder has changed since: please show the picture again.")
        return question.picture.vector
    if question.like:
        row = Embedding.objects.filter(
            asset_id=question.like.pk, fingerprint=space.fingerprint
        ).first()
        if row is None or row.vector is None:
            raise SearchUnavailable(f"“{question.like}” is not indexed yet.")
        return row.vector
    return text_vector(space, question.text)


def text_vector(space: VectorSpace, text: str) -> Vector:
    """[dimension] float32, of unit length. Raises SearchUnavailable."""
    try:
        return _text_vector(space.source, " ".join(text.split()))
    except EncoderError as error:
        raise SearchUnavailable(f"Search is down: {error} Browsing still works.") from error


@lru_cache(maxsize=4096)
def _text_vector(source: str, text: str) -> Vector:
    vector: Vector = _text_encoder(source).encode([text])[0]
    return vector


@lru_cache(maxsize=1)
def _text_encoder(source: str) -> clip.TextEncoder:
    return clip.TextEncoder(source, threads=settings.TORCH_THREADS)


def warm_up() -> None:
    """Load the text half before somebody asks. At the first start of all, the index worker is
    still choosing an encoder: wait for it a while."""
    for _ in range(60):
        try:
            text_vector(_space(), "warm up")
        except SearchUnavailable:
            time.sleep(1)
        else:
            break
    connection.close()  # this thread's own
    # What is loaded by now stays: full collections need not walk torch's objects (0.1 s each)
    gc.collect()
    gc.freeze()


def remember_picture(*, person: User, data: bytes) -> PictureQuestion:
    """A picture to search with. Raises PictureRefused and SearchUnavailable."""
    if len(data) > settings.MAX_UPLOAD_BYTES:
        limit = settings.MAX_UPLOAD_BYTES / 2**20
        raise PictureTooLarge(f"This file is larger than {limit:.0f} MB.")
    space = _space()
    try:
        encoder = spaces.image_encoder(space.source)  # loaded once somebody shows a picture
        side = 2 * encoder.input_size
        rgb = pictures.load_rgb(io.BytesIO(data), side=side)
        vector = encoder.encode([rgb])[0]
    except EncoderError as error:
        raise SearchUnavailable(f"Search is down: {error} Browsing still works.") from error
    rgb.thumbnail((160, 160))
    thumbnail = io.BytesIO()
    rgb.save(thumbnail, "WEBP", quality=80)
    return PictureQuestion.objects.create(
        person=person,
        fingerprint=space.fingerprint,
        vector_bytes=vector.tobytes(),
        thumbnail=thumbnail.getvalue(),
    )


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
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidQuestion(NO_SUCH_PAGE) from error
