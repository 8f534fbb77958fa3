"""Pages of assets for queries that rank nothing: filters and excluded words only."""

from __future__ import annotations

import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from assetbank import permissions
from assetbank.models import Asset, CollectionItem
from search.models import with_index_state
from search.query import fulltext
from search.query.cursors import decode_cursor, encode_cursor
from search.query.filters import to_queryset
from search.query.results import Page, SearchHit
from search.query.types import SearchQuery


def browse(person: permissions.AnyUser, question: SearchQuery, limit: int, cursor: str) -> Page:
    """Return a page of the assets that the user may see, newest first; in a collection, in the
    collection's order. Raises InvalidQuery for an invalid cursor."""
    visible = with_index_state(permissions.assets(person).with_tags().with_author())
    assets = to_queryset(question.filters, visible.select_related("brand"))
    assets = fulltext.exclude_terms(question.terms, assets)
    if question.filters.collection is not None:
        return _browse_collection(assets, question.filters.collection, limit, cursor)
    assets = assets.order_by("-created_at", "-id")
    if cursor:
        created_at, last_id = decode_cursor(cursor, datetime.datetime.fromisoformat, int)
        assets = assets.filter(
            Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=last_id)
        )
    rows = list(assets[: limit + 1])
    has_more = len(rows) > limit
    rows = rows[:limit]
    next_cursor = encode_cursor(rows[-1].created_at.isoformat(), rows[-1].pk) if has_more else ""
    return Page([SearchHit(asset) for asset in rows], next_cursor)


def _browse_collection(assets: QuerySet[Asset], collection: int, limit: int, cursor: str) -> Page:
    """Return a page in the order in which users arranged the collection."""
    items = CollectionItem.objects.filter(collection=collection, asset=OuterRef("pk"))
    assets = assets.annotate(rank=Subquery(items.values("position"))).order_by("rank", "id")
    if cursor:
        rank, last_id = decode_cursor(cursor, int, int)
        assets = assets.filter(Q(rank__gt=rank) | Q(rank=rank, id__gt=last_id))
    rows: list[Any] = list(assets[: limit + 1])
    has_more = len(rows) > limit
    rows = rows[:limit]
    next_cursor = encode_cursor(rows[-1].rank, rows[-1].pk) if has_more else ""
    return Page([SearchHit(asset) for asset in rows], next_cursor)
