"""Waiting rows that a worker holds: claimed under a lease, and what became of them written back.

A worker that dies gives its rows back when the lease ends; rows carry a version, so that what was
computed from an older asset never counts.
"""

from __future__ import annotations

import datetime
from concurrent.futures import Future
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from assetbank.models import Asset
from search.encoders import EncoderError, clip
from search.models import Embedding, EmbeddingQuerySet, Vector, VectorSpace
from search.vectorstore import VectorStoreUnavailable

MAX_ATTEMPTS = 5


@dataclass
class LeasedRow:
    """One claimed row on its way: its asset, and the pixels or the vector once they are there."""

    embedding: Embedding
    asset: Asset | None  # None: deleted, to be removed from Milvus
    left_out: str = ""  # why it is not to be found; it is removed from Milvus, too
    pixels: Future[clip.Floats] | None = None
    vector: Vector | None = None


@dataclass
class BatchResult:
    """What became of a batch, written back in one transaction."""

    indexed: list[LeasedRow] = field(default_factory=list)
    removed: list[LeasedRow] = field(default_factory=list)
    left_out: list[LeasedRow] = field(default_factory=list)
    failed: list[tuple[LeasedRow, str, bool]] = field(
        default_factory=list
    )  # reason, may be retried


def claim(space: VectorSpace, size: int, *, needing_no_encoder: bool = False) -> list[LeasedRow]:
    """Rows under a lease. Those that were tried most come last, and alone: a picture that kills
    the worker must not take others with it."""
    with transaction.atomic():
        waiting = (
            Embedding.objects.claimable().filter(space=space).select_for_update(skip_locked=True)
        )
        if needing_no_encoder:
            has_vector = Q(vector_bytes__isnull=False)
            waiting = waiting.filter(has_vector | Q(state=Embedding.State.REMOVING))
        found = list(waiting.filter(attempts__lt=2).order_by("id")[:size]) or list(
            waiting.filter(attempts__gte=2).order_by("attempts", "id")[:1]
        )
        Embedding.objects.filter(pk__in=[row.pk for row in found]).update(
            claimed_until=timezone.now() + datetime.timedelta(seconds=settings.INDEX_LEASE_S),
            attempts=F("attempts") + 1,
        )
    ids = [row.asset_id for row in found if row.state == Embedding.State.PENDING]
    assets = Asset.objects.with_tags().select_related("brand").in_bulk(ids)
    return [LeasedRow(row, assets.get(row.asset_id)) for row in found]


def finish(outcome: BatchResult, space: VectorSpace) -> None:
    """Write back what became of the rows, except of those that changed meanwhile."""
    done = [*outcome.indexed, *outcome.left_out, *outcome.removed]
    batch = {job.embedding.pk: job for job in [*done, *(job for job, _, _ in outcome.failed)]}
    reasons = {job.embedding.pk: (reason, again) for job, reason, again in outcome.failed}
    with transaction.atomic():
        ours = VectorSpace.objects.filter(pk=space.pk, collection=space.collection)
        exchanged = ours.select_for_update(no_key=True).only("pk").first() is None
        changed = list(
            Embedding.objects.select_for_update()
            .defer("vector_bytes")
            .filter(pk__in=batch)
            .order_by("pk")
        )
        gone = []
        for row in changed:
            job = batch[row.pk]
            row.claimed_until, row.updated_at = None, timezone.now()
            if row.version != job.embedding.version or exchanged:
                row.attempts = 0  # changed while we worked: it waits for its turn again,
                # also if another worker was quicker: what we wrote after it is older
                if row.state in (Embedding.State.INDEXED, Embedding.State.SKIPPED):
                    row.state = Embedding.State.PENDING
            elif job.asset is None:
                gone.append(row.pk)
            elif row.pk in reasons:
                _record_failure(row, *reasons[row.pk])
            else:
                row.state = Embedding.State.SKIPPED if job.left_out else Embedding.State.INDEXED
                row.reason, row.attempts = job.left_out, 0
                row.indexed_at = None if job.left_out else row.updated_at
        Embedding.objects.bulk_update(
            [row for row in changed if row.pk not in gone],
            ["state", "reason", "attempts", "claimed_until", "indexed_at", "updated_at"],
        )
        Embedding.objects.filter(pk__in=gone).delete()
        VectorSpace.objects.filter(pk=space.pk).update(revision=F("revision") + 1)


def _record_failure(row: Embedding, reason: str, may_retry: bool) -> None:
    row.reason = reason
    if may_retry and row.attempts < MAX_ATTEMPTS:
        # the lease is also the pause before the next attempt
        row.claimed_until = timezone.now() + datetime.timedelta(seconds=15 * 2**row.attempts)
    else:
        row.state = Embedding.State.FAILED


def release(batch: list[LeasedRow], error: BaseException) -> None:
    given = Embedding.objects.filter(pk__in=[job.embedding.pk for job in batch])
    if isinstance(error, VectorStoreUnavailable):
        # a service is down, which is no fault of these rows
        given.update(claimed_until=None, attempts=0)
        set_reason(str(error), Embedding.objects.waiting())
    elif isinstance(error, EncoderError):
        given.update(claimed_until=None, attempts=0)
        space = batch[0].embedding.space_id
        set_reason(str(error), Embedding.objects.waiting().filter(space=space, vector_bytes=None))
    elif not isinstance(error, Exception):
        given.update(claimed_until=None, attempts=0)
    else:
        # One of them may have caused it. Those that were tried often go alone, until it is found;
        # what happened is for the log
        given.update(claimed_until=None, reason="Something broke while this was indexed.")
        found = given.filter(state=Embedding.State.PENDING, attempts__gte=MAX_ATTEMPTS)
        found.update(state=Embedding.State.FAILED)


def set_reason(reason: str, waiting: EmbeddingQuerySet) -> None:
    waiting.exclude(reason=reason).update(reason=reason)
