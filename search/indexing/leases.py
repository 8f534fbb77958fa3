"""Leases on pending rows: claimed by a worker, and the result written back.

The rows of a worker that died are claimable again when their lease ends. Rows have a version, so
that a result computed from an older asset is discarded.
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

SETTLED = (Embedding.State.INDEXED, Embedding.State.SKIPPED, Embedding.State.TRASHED)
MAX_ATTEMPTS = 5  # per row, before it counts as failed


@dataclass
class LeasedRow:
    """One claimed row in process: its asset, and its pixels or vector once they are ready."""

    embedding: Embedding
    asset: Asset | None  # None: deleted, to be removed from Milvus
    skip_reason: str = ""  # why it is not indexed; it is removed from Milvus, too
    pixels: Future[clip.Floats] | None = None
    vector: Vector | None = None


@dataclass
class BatchResult:
    """Results of a batch, written back in one transaction."""

    indexed: list[LeasedRow] = field(default_factory=list)
    removed: list[LeasedRow] = field(default_factory=list)
    skipped: list[LeasedRow] = field(default_factory=list)
    failed: list[tuple[LeasedRow, str, bool]] = field(
        default_factory=list
    )  # reason, may be retried


def claim(space: VectorSpace, size: int, *, needing_no_encoder: bool = False) -> list[LeasedRow]:
    """Claim up to `size` rows under a lease of INDEX_LEASE_S seconds.

    Rows with the most attempts come last, and alone: an image that kills the worker must not take
    others with it. With `needing_no_encoder`, only rows that have a vector or are to be removed.
    """
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
    # With those in the trash: they leave Milvus, but their vectors are kept
    assets = Asset.all_objects.with_tags().select_related("brand").in_bulk(ids)
    return [LeasedRow(row, assets.get(row.asset_id)) for row in found]


def finish(result: BatchResult, space: VectorSpace) -> None:
    """Write back the results of a batch, except for rows that changed since they were claimed."""
    done = [*result.indexed, *result.skipped, *result.removed]
    done += [leased for leased, _, _ in result.failed]
    batch = {leased.embedding.pk: leased for leased in done}
    reasons = {leased.embedding.pk: (reason, retry) for leased, reason, retry in result.failed}
    with transaction.atomic():
        query = VectorSpace.objects.filter(pk=space.pk, collection=space.collection)
        collection_changed = query.select_for_update(no_key=True).only("pk").first() is None
        changed = list(
            Embedding.objects.select_for_update()
            .defer("vector_bytes")
            .filter(pk__in=batch)
            .order_by("pk")
        )
        removed_pks = []
        for row in changed:
            leased = batch[row.pk]
            row.claimed_until, row.updated_at = None, timezone.now()
            if row.version != leased.embedding.version or collection_changed:
                # Changed in the meantime: index it again, also if another worker was faster, since
                # what this one wrote into Milvus after it is older
                row.attempts = 0
                if row.state in SETTLED:
                    row.state = Embedding.State.PENDING
            elif leased.asset is None:
                removed_pks.append(row.pk)
            elif row.pk in reasons:
                _record_failure(row, *reasons[row.pk])
            else:
                row.state = _state_after(leased, leased.asset)
                row.reason, row.attempts = leased.skip_reason, 0
                row.indexed_at = None if leased.skip_reason else row.updated_at
        Embedding.objects.bulk_update(
            [row for row in changed if row.pk not in removed_pks],
            ["state", "reason", "attempts", "claimed_until", "indexed_at", "updated_at"],
        )
        Embedding.objects.filter(pk__in=removed_pks).delete()
        VectorSpace.objects.filter(pk=space.pk).update(revision=F("revision") + 1)


def _state_after(leased: LeasedRow, asset: Asset) -> Embedding.State:
    """Return the state of a row whose asset was written to Milvus or left out of it."""
    if asset.in_trash:
        return Embedding.State.TRASHED
    return Embedding.State.SKIPPED if leased.skip_reason else Embedding.State.INDEXED


def _record_failure(row: Embedding, reason: str, may_retry: bool) -> None:
    """Record the reason, and schedule a retry or mark the row failed."""
    row.reason = reason
    if may_retry and row.attempts < MAX_ATTEMPTS:
        # The lease is also the pause before the next attempt
        row.claimed_until = timezone.now() + datetime.timedelta(seconds=15 * 2**row.attempts)
    else:
        row.state = Embedding.State.FAILED


def release(batch: list[LeasedRow], error: BaseException) -> None:
    """Give the rows of an interrupted batch back, with the reason why they wait.

    Attempts are reset where the rows are not at fault: an unavailable service, or a worker that
    stops.
    """
    rows = Embedding.objects.filter(pk__in=[leased.embedding.pk for leased in batch])
    if isinstance(error, VectorStoreUnavailable):
        rows.update(claimed_until=None, attempts=0)
        set_reason(str(error), Embedding.objects.waiting())
    elif isinstance(error, EncoderError):
        rows.update(claimed_until=None, attempts=0)
        space = batch[0].embedding.space_id
        set_reason(str(error), Embedding.objects.waiting().filter(space=space, vector_bytes=None))
    elif not isinstance(error, Exception):
        rows.update(claimed_until=None, attempts=0)
    else:
        # One of the rows may have caused it. Rows with several attempts are claimed alone until it
        # is found; the log has the details
        rows.update(
            claimed_until=None,
            reason="Indexing failed with an unexpected error. Retry, or tell the administrator.",
        )
        exhausted = rows.filter(state=Embedding.State.PENDING, attempts__gte=MAX_ATTEMPTS)
        exhausted.update(state=Embedding.State.FAILED)


def set_reason(reason: str, waiting: EmbeddingQuerySet) -> None:
    """Record on these waiting rows the reason why they wait, as a sentence."""
    waiting.exclude(reason=reason).update(reason=reason)
