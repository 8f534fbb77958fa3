"""Milvus collections of vector spaces: created, filled, swapped behind the alias, and dropped.

A space's row names its collection, and the row of the active space decides the alias; Milvus is
repaired to match. A new collection is filled from Postgres, without the encoder, while the old one
serves until the new one is complete.
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

PAGE = 1_000  # rows per read from Postgres and per upsert into Milvus
Progress = Callable[[int, int], None]  # done, total


class CollectionLocked(VectorStoreUnavailable):
    """Another process is creating or dropping collections."""


def ensure_collection(space: VectorSpace) -> None:
    """Ensure that the space has a collection with the current schema, filled from Postgres.

    Raises VectorStoreUnavailable.
    """
    exists = bool(space.collection) and store.exists(space.collection)
    if not (exists and _has_current_schema(space)):
        # While an old collection exists, it serves: no need to wait for the process that rebuilds
        with contextlib.suppress(CollectionLocked), _exclusive(wait=not exists):
            space.refresh_from_db(fields=["collection", "active"])  # another process may be done
            if not (_has_current_schema(space) and store.exists(space.collection)):
                _rebuild(space, lambda done, total: None)
    if space.active:
        repair_alias()


def _has_current_schema(space: VectorSpace) -> bool:
    return f"_{schema.SCHEMA}_" in space.collection


def rebuild(space: VectorSpace, *, progress: Progress = lambda done, total: None) -> int:
    """Fill a new collection from the vectors in Postgres, and return its number of rows.

    The old collection serves until the new one is complete, and is dropped later, since queries may
    still run on it. Indexed rows without a valid vector are marked pending. Raises
    VectorStoreUnavailable, and CollectionLocked.
    """
    with _exclusive():
        return _rebuild(space, progress)


def _rebuild(space: VectorSpace, progress: Progress) -> int:
    started = timezone.now()
    name = f"{connection.alias()}_{space.fingerprint}_{schema.SCHEMA}_{time.time_ns() // 1_000_000}"
    store.create(name, space.dimension)
    done = _copy(space, name, progress)
    store.flush(name)
    _swap_collection(space, name, started)
    return done


def _copy(space: VectorSpace, collection: str, progress: Progress) -> int:
    """Upsert the space's vectors into the collection, and return how many.

    Each page is read while the previous one is written.
    """
    findable = Embedding.objects.filter(
        space=space, state__in=[Embedding.State.INDEXED, Embedding.State.PENDING]
    )
    done, read, total = 0, 0, findable.count()
    writing: Future[None] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="fill") as pool:
        for page in _pages(findable):
            batch = entities.entities_from_rows(page, space)
            written_ids = {row.id for row in batch}
            without_vector = [row.pk for row in page if row.asset_id not in written_ids]
            indexed = Embedding.objects.filter(state=Embedding.State.INDEXED)
            indexed.filter(pk__in=without_vector).mark_pending()
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
def _swap_collection(space: VectorSpace, collection: str, started: datetime.datetime) -> None:
    """Make `collection` the space's own, and point the alias to it if the space is active.

    Rows changed since `started` are marked pending.
    """
    lock_alias()
    current = VectorSpace.objects.select_for_update(no_key=True).filter(pk=space.pk).first()
    if current is None:  # dropped in the meantime
        return
    if current.active:
        store.point_alias(collection)
    VectorSpace.objects.filter(pk=space.pk).update(
        collection=collection, revision=F("revision") + 1
    )
    # Changes during the copy went to the old collection: index them again
    Embedding.objects.filter(space=space, updated_at__gte=started).mark_pending()
    space.refresh_from_db()


# ------------------------------------------------------------------------ the alias


def lock_alias() -> None:
    """Lock the alias and the choice of the active space until the transaction ends."""
    locks.lock_in_transaction("search.alias")


@transaction.atomic
def repair_alias() -> None:
    """Point the alias to the active space's collection.

    They differ after a process died between the two writes.
    """
    lock_alias()
    active = VectorSpace.objects.active().exclude(collection="").first()
    if active and store.collection_behind_alias() != active.collection:
        store.point_alias(active.collection)


# ------------------------------------------------------------------------ cleaning up


def drop_unused() -> None:
    """Drop collections that belong to no space: those of dropped spaces and of failed rebuilds."""
    with contextlib.suppress(CollectionLocked), _exclusive():
        in_use = VectorSpace.objects.exclude(collection="").values_list("collection", flat=True)
        store.drop_others(keep=list(in_use))


@contextlib.contextmanager
def _exclusive(*, wait: bool = False) -> Iterator[None]:
    """Hold the lock on creating and dropping collections: a half-filled one has no row yet.

    If another process holds it, wait if `wait`, else raise CollectionLocked.
    """
    with locks.session_lock("search.collections", wait=wait) as acquired:
        if not acquired:
            raise CollectionLocked("The vector index is being built anew by another process.")
        yield
