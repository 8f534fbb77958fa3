"""From waiting rows to a searchable index.

Postgres is the truth and keeps every vector; Milvus is put right from it. A batch is claimed under
a lease, so that a worker that dies gives its rows back, and rows carry a version, so that what was
computed from an older asset never counts.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from assetbank import jobs, pictures
from assetbank.errors import PictureRefused
from assetbank.models import Asset
from search import clip, milvus, spaces
from search.checkpoints import EncoderError
from search.models import Embedding, Vector, VectorSpace

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
DECODERS = 4  # threads: enough for two cores, and for a storage that is far away
SMALLEST_SIDE = 8  # pixels; below this there is nothing to describe


@dataclass
class Job:
    """One claimed row on its way: its asset, and the pixels or the vector once they are there."""

    embedding: Embedding
    asset: Asset | None  # None: deleted, to be removed from Milvus
    pixels: Future[clip.Floats] | None = None
    vector: Vector | None = None


@dataclass
class Outcome:
    """What became of a batch, written back in one transaction."""

    indexed: list[Job] = field(default_factory=list)
    removed: list[Job] = field(default_factory=list)
    failed: list[tuple[Job, str, bool]] = field(default_factory=list)  # reason, may be retried


# ------------------------------------------------------------------------ the batch walk


def index(*, batch_size: int | None = None) -> int:
    """Work until nothing waits; return how many rows were dealt with.

    A batch is decoded in threads, and only then encoded: decoding the next one meanwhile would take
    from the encoder the cores that its threads wait for. Raises MilvusDown and EncoderUnavailable,
    with the claimed rows given back and saying why they wait.
    """
    size = batch_size or settings.INDEX_BATCH_SIZE
    if not Embedding.objects.claimable().exists():
        if not VectorSpace.objects.filter(active=True).exists():
            spaces.open_active()  # an empty library answers questions, too
        return 0
    done = 0
    batch: list[Job] = []
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
        try:
            space = spaces.open_active()
            while batch := _claim(size):
                _start(batch, space, pool)
                _finish(_process(batch, space), space)
                done += len(batch)
            if done:
                milvus.settle()
        except Exception as error:
            _give_back(batch, error)
            raise
    return done


def _claim(size: int) -> list[Job]:
    """Rows under a lease. Those that were tried most come last, and alone: a picture that kills
    the worker must not take others with it."""
    with transaction.atomic():
        rows = list(
            Embedding.objects.claimable()
            .select_for_update(skip_locked=True)
            .order_by("attempts", "id")[:size]
        )
        if rows and rows[0].attempts >= 2:
            rows = rows[:1]
        elif rows:
            rows = [row for row in rows if row.attempts < 2]
        Embedding.objects.filter(pk__in=[row.pk for row in rows]).update(
            claimed_until=timezone.now() + datetime.timedelta(seconds=settings.INDEX_LEASE_S),
            attempts=F("attempts") + 1,
        )
    ids = [row.asset_id for row in rows if row.state == Embedding.State.PENDING]
    assets = Asset.objects.with_tags().in_bulk(ids)
    return [Job(row, assets.get(row.asset_id)) for row in rows]


def _start(jobs: list[Job], space: VectorSpace, pool: ThreadPoolExecutor) -> None:
    """Take kept vectors; begin to decode the rest."""
    encoder = spaces.image_encoder(space.source)
    for job in jobs:
        kept = job.embedding
        if job.asset is None:
            continue
        if (kept.fingerprint, kept.checksum) == (space.fingerprint, job.asset.checksum):
            job.vector = kept.vector
        if job.vector is None:
            job.pixels = pool.submit(_decode, job, encoder)


def _decode(job: Job, encoder: clip.ImageEncoder) -> clip.Floats:
    assert job.asset
    if job.embedding.attempts >= MOST_ATTEMPTS:
        raise PictureRefused(f"Reading this picture ended the worker {MOST_ATTEMPTS} times.")
    if min(job.asset.width, job.asset.height) < SMALLEST_SIDE:
        raise TooSmall(f"Left out: smaller than {SMALLEST_SIDE} pixels.")
    with default_storage.open(job.asset.path) as file:
        # twice the encoder's input: nearly the same vector as from the whole picture
        return encoder.preprocess(pictures.load_rgb(file, side=2 * encoder.input_size))


class TooSmall(PictureRefused):
    """Nothing can be told of so few pixels."""


def _process(jobs: list[Job], space: VectorSpace) -> Outcome:
    outcome = Outcome()
    outcome.removed = [job for job in jobs if job.asset is None]
    _encode([job for job in jobs if job.pixels], space, outcome)
    outcome.indexed = [job for job in jobs if job.vector is not None]
    milvus.delete([job.embedding.asset_id for job in outcome.removed])
    milvus.upsert(
        [
            milvus.Row(job.asset.pk, job.vector, scalars(job.asset))
            for job in outcome.indexed
            if job.asset and job.vector is not None
        ]
    )
    return outcome


def _encode(jobs: list[Job], space: VectorSpace, outcome: Outcome) -> None:
    """CLIP in one batch; the vectors are safe in Postgres before Milvus hears of them."""
    ready: list[tuple[Job, clip.Floats]] = []
    for job in jobs:
        assert job.pixels
        try:
            ready.append((job, job.pixels.result()))
        except PictureRefused as error:
            outcome.failed.append((job, error.message, False))
        except FileNotFoundError:
            outcome.failed.append((job, "The original file is gone from the storage.", False))
        except Exception as error:  # each storage backend raises its own
            outcome.failed.append((job, f"The file storage does not answer: {error}.", True))
    encoder = spaces.image_encoder(space.source)
    while ready:
        try:
            vectors = encoder.encode_pixels([pixels for _, pixels in ready])
            break
        except clip.UnreadableVector as error:
            bad = set(error.rows)
            outcome.failed += [(ready[i][0], str(error), False) for i in bad]
            ready = [pair for i, pair in enumerate(ready) if i not in bad]
    for (job, _), vector in zip(ready, vectors if ready else [], strict=True):
        assert job.asset
        job.vector = vector
        job.embedding.vector = vector
        job.embedding.fingerprint = space.fingerprint
        job.embedding.checksum = job.asset.checksum
    Embedding.objects.bulk_update(
        [job.embedding for job, _ in ready], ["vector_bytes", "fingerprint", "checksum"]
    )


def _finish(outcome: Outcome, space: VectorSpace) -> None:
    """Write back what became of the rows, except of those that changed meanwhile."""
    now = timezone.now()
    jobs = {
        job.embedding.pk: job
        for job in [*outcome.indexed, *outcome.removed, *(job for job, _, _ in outcome.failed)]
    }
    reasons = {job.embedding.pk: (reason, again) for job, reason, again in outcome.failed}
    with transaction.atomic():
        rows = list(
            Embedding.objects.select_for_update()
            .defer("vector_bytes")
            .filter(pk__in=jobs)
            .order_by("pk")
        )
        gone = []
        for row in rows:
            job = jobs[row.pk]
            row.claimed_until, row.updated_at = None, now
            if row.version != job.embedding.version:
                row.attempts = 0  # changed while we worked: it waits for its turn again,
                # also if another worker was quicker: what we wrote after it is older
                if row.state == Embedding.State.INDEXED:
                    row.state = Embedding.State.PENDING
            elif job.asset is None:
                gone.append(row.pk)
            elif row.pk in reasons:
                _record_failure(row, *reasons[row.pk], too_small=_is_too_small(job.asset))
            else:
                row.state, row.reason, row.attempts = Embedding.State.INDEXED, "", 0
                row.indexed_at = now
        Embedding.objects.bulk_update(
            [row for row in rows if row.pk not in gone],
            ["state", "reason", "attempts", "claimed_until", "indexed_at", "updated_at"],
        )
        Embedding.objects.filter(pk__in=gone).delete()
        VectorSpace.objects.filter(pk=space.pk).update(revision=F("revision") + 1)


def _is_too_small(asset: Asset) -> bool:
    return min(asset.width, asset.height) < SMALLEST_SIDE


def _record_failure(row: Embedding, reason: str, may_retry: bool, *, too_small: bool) -> None:
    row.reason = reason
    if may_retry and row.attempts < MOST_ATTEMPTS:
        # the lease is also the pause before the next attempt
        row.claimed_until = timezone.now() + datetime.timedelta(seconds=15 * 2**row.attempts)
    else:
        row.state = Embedding.State.SKIPPED if too_small else Embedding.State.FAILED


def _give_back(batch: list[Job], error: Exception) -> None:
    rows = Embedding.objects.filter(pk__in=[job.embedding.pk for job in batch])
    if isinstance(error, milvus.MilvusDown | EncoderError):
        # a service is down, which is no fault of these rows
        rows.update(claimed_until=None, attempts=0)
        Embedding.objects.waiting().update(reason=str(error))
        return
    # One of them may have caused it. Those that were tried often go alone, until it is found; what
    # happened is for the log
    rows.update(claimed_until=None, reason="Something broke while this was indexed.")
    found = rows.filter(state=Embedding.State.PENDING, attempts__gte=MOST_ATTEMPTS)
    found.update(state=Embedding.State.FAILED)


def scalars(asset: Asset) -> milvus.Scalars:
    """What Milvus filters on. `asset.tags` should be prefetched."""
    expires = milvus.NEVER
    if asset.expires_on:
        day = datetime.datetime.combine(asset.expires_on, datetime.time.max)
        expires = int(timezone.make_aware(day).timestamp())
    return milvus.fitted(
        {
            "brand_id": asset.brand_id,
            "kind": asset.kind,
            "origin": asset.origin,
            "status": asset.status,
            "orientation": asset.orientation,
            "aspect_ratio": asset.aspect_ratio,
            "width": asset.width,
            "height": asset.height,
            "created": int(asset.created_at.timestamp()),
            "expires": expires,
            "created_by": asset.created_by_id or milvus.NOBODY,
            "tags": sorted(name.lower() for name in asset.tag_names),
            "colours": asset.colour_cells,
            "engine_model": asset.engine_model,
            "preset": asset.preset,
            "prompt": asset.prompt,
            "storage_path": asset.path,
        }
    )


# ------------------------------------------------------------------------ asking for work


def request_work() -> None:
    """One job for each change, in its transaction. The first to run works for all, and the others
    find nothing; a lock against more than one would lose rows whose transaction commits later."""
    jobs.defer("search.tasks.index_waiting")


def request_index(assets: Sequence[int]) -> int:
    """Mark the embeddings of these asset ids as waiting; kept vectors are used again. Assets that
    no signal told of get theirs."""
    marked = Embedding.objects.filter(asset_id__in=assets).mark_pending()
    if marked < len(assets):
        there = Asset.objects.filter(pk__in=assets, embedding=None).values_list("pk", flat=True)
        Embedding.objects.bulk_create(
            [Embedding(asset_id=pk) for pk in there], ignore_conflicts=True
        )
    return marked


def request_embed(assets: Sequence[int]) -> int:
    """The same, but forget the vectors: CLIP runs again."""
    rows = Embedding.objects.filter(asset_id__in=assets)
    rows.update(vector_bytes=None, fingerprint="", checksum="")
    return rows.mark_pending()


def _norm_is_one(vector: Vector) -> bool:
    return bool(np.isfinite(vector).all() and abs(float(np.linalg.norm(vector)) - 1) < 1e-3)


def kept_rows(embeddings: Sequence[Embedding], space: VectorSpace) -> list[milvus.Row]:
    """Milvus rows from vectors that Postgres keeps; embeddings whose vector is of another encoder,
    of other bytes or unsound are left out."""
    assets: dict[Any, Asset] = Asset.objects.with_tags().in_bulk(
        [row.asset_id for row in embeddings]
    )
    rows = []
    for row in embeddings:
        asset, vector = assets.get(row.asset_id), row.vector
        if asset is None or vector is None:
            continue
        fits = (row.fingerprint, row.checksum) == (space.fingerprint, asset.checksum)
        if fits and _norm_is_one(vector):
            rows.append(milvus.Row(asset.pk, vector, scalars(asset)))
    return rows
