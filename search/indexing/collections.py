"""Milvus collections of vector spaces: made, filled from Postgres without CLIP, put behind the
alias, and cleared away.

The row of a space says which collection is its own, and which space is active; Milvus is put right
from it. A new collection is filled beside the old one, which serves until the new one is whole.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from assetbank import locks
from search.indexing import entities
from search.models import Embedding, EmbeddingQuerySet, VectorSpace
from search.vectorstore import VectorStoreUnavailable, connection, schema, store

PAGE = 1_000  # rows that are read, and written, at once
Progress = Callable[[int, int], None]  # done, total


class CollectionLocked(VectorStoreUnavailable):
    """Another process makes or drops collections just now."""


def ensure_collection(space: VectorSpace) -> None:
    """The space has a collection of today's fields; what Postgres keeps for it is in it. Raises
    MilvusDown."""
    there = bool(space.collection) and store.exists(space.collection)
    if not (there and _is_of_today(space)):
        # while there is an old one, that serves, and who makes a new one need not be waited for
        with contextlib.suppress(CollectionLocked), _exclusive(patient=not there):
            space.refresh_from_db(fields=["collection", "active"])  # somebody was quicker?
            if not (_is_of_today(space) and store.exists(space.collection)):
                _rebuild(space, lambda done, total: None)
    if space.active:
        repair_alias()


def _is_of_today(space: VectorSpace) -> bool:
    return f"_{schema.SCHEMA}_" in space.collection


def rebuild(space: VectorSpace, *, progress: Progress = lambda done, total: None) -> int:
    """A new collection from the vectors in Postgres; the old one serves until it is full, and is
    cleared away later: somebody may just be asking it.

    Indexed rows without a sound vector are marked waiting. Returns how many rows the new one got.
    Raises MilvusDown, and Busy.
    """
    with _exclusive():
        return _rebuild(space, progress)


def _rebuild(space: VectorSpace, progress: Progress) -> int:
    started = timezone.now()
    name = f"{connection.alias()}_{space.fingerprint}_{schema.SCHEMA}_{time.time_ns() // 1_000_000}"
    store.create(name, space.dimension)
    done = _copy(space, name, progress)
    store.flush(name)
    _exchange(space, name, started)
    return done


def _copy(space: VectorSpace, collection: str, progress: Progress) -> int:
    """Pages are read while the one before is written."""
    findable = Embedding.objects.filter(
        space=space, state__in=[Embedding.State.INDEXED, Embedding.State.PENDING]
    )
    done, read, total = 0, 0, findable.count()
    writing: Future[None] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="fill") as pool:
        for page in _pages(findable):
            batch = entities.entities_from_rows(page, space)
            has = {row.id for row in batch}
            lacking = [row.pk for row in page if row.asset_id not in has]
            Embedding.objects.filter(pk__in=lacking, state=Embedding.State.INDEXED).mark_pending()
            if writing:
                writing.result()
            writing = pool.submit(store.upsert, batch, collection=collection)
            done, read = done + len(batch), read + len(page)
            progress(min(read, total), total)
        if writing:
            writing.result()
    return done


def _pages(embeddings: EmbeddingQuerySet) -> Iterator[list[entities.IndexedRow]]:
    read = embeddings.order_by("asset_id").values_list(*entities.IndexedRow._fields)
    last = 0
    while page := [entities.IndexedRow(*row) for row in read.filter(asset_id__gt=last)[:PAGE]]:
        yield page
        last = page[-1].asset_id


@transaction.atomic
def _exchange(space: VectorSpace, collection: str, started: datetime.datetime) -> None:
    """The space goes on in this collection."""
    lock_alias()
    now = VectorSpace.objects.select_for_update(no_key=True).filter(pk=space.pk).first()
    if now is None:  # dropped meanwhile
        return
    if now.active:
        store.point_alias(collection)
    VectorSpace.objects.filter(pk=space.pk).update(
        collection=collection, revision=F("revision") + 1
    )
    # what changed while we copied went to the old collection: it goes through once more
    Embedding.objects.filter(space=space, updated_at__gte=started).mark_pending()
    space.refresh_from_db()


# ------------------------------------------------------------------------ the alias


def lock_alias() -> None:
    """Until the transaction ends, nobody else moves the alias or changes which space is active."""
    locks.lock_in_transaction("search.alias")


@transaction.atomic
def repair_alias() -> None:
    """The alias points to the active space's collection: a process may have died in between."""
    lock_alias()
    active = VectorSpace.objects.active().exclude(collection="").first()
    if active and store.collection_behind_alias() != active.collection:
        store.point_alias(active.collection)


# ------------------------------------------------------------------------ clearing away


def drop_unused() -> None:
    """Drop the collections that no space has: of dropped spaces, and of broken attempts."""
    with contextlib.suppress(CollectionLocked), _exclusive():
        kept = VectorSpace.objects.exclude(collection="").values_list("collection", flat=True)
        store.drop_others(keep=list(kept))


@contextlib.contextmanager
def _exclusive(*, patient: bool = False) -> Iterator[None]:
    """One process at a time makes and drops collections: a half-filled one is in no row yet. Wait
    for another, if patient, or raise Busy."""
    with locks.session_lock("search.collections", wait=patient) as alone:
        if not alone:
            raise CollectionLocked("The vector index is being built anew by another process.")
        yield
