"""From waiting rows to a searchable index.

Postgres is the truth and keeps every vector; Milvus is put right from it. A batch is claimed under
a lease, so that a worker that dies gives its rows back, and rows carry a version, so that what was
computed from an older asset never counts. Every space that is kept is worked on, the active one
first, each in its own collection.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.core.files.storage import default_storage

from assetbank import jobs
from assetbank.errors import PictureRefused
from assetbank.media import images
from search.encoders import EncoderError, ImageEncoder, UnreadableVector, clip
from search.indexing import collections, enrolment, entities, leases, space_encoders, spaces
from search.indexing.leases import BatchResult, LeasedRow
from search.models import Embedding, VectorSpace
from search.vectorstore import VectorStoreRejected, store

logger = logging.getLogger(__name__)

DECODERS = 4  # threads: enough for two cores, and for a storage that is far away


# ------------------------------------------------------------------------ the batch walk


def index_pending(
    *,
    batch_size: int | None = None,
    beside: float = math.inf,
    after_batch: Callable[[int], None] = lambda done: None,
) -> int:
    """Work until nothing waits; return how many rows were dealt with.

    On other spaces than the active one it works for about `beside` seconds. A batch is decoded in
    threads, and only then encoded: decoding the next one meanwhile would take from the encoder the
    cores that its threads wait for. Raises MilvusDown, and EncoderUnavailable of the active space,
    with the claimed rows given back and saying why they wait.
    """
    _open()
    size, end = batch_size or settings.INDEX_BATCH_SIZE, time.monotonic() + beside
    walk = _IndexRun()
    done = 0
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
        while claimed := walk.claim(size, only_active=time.monotonic() >= end):
            space, batch = claimed
            try:
                walk.enter(space)
                ready = walk.start(batch, space, pool)
                leases.finish(_process(ready, space), space)
            except BaseException as error:  # also Ctrl-C: the rows need not wait for their lease
                leases.release(batch, error)
                raise
            done += len(ready)
            after_batch(done)
    walk.leave()
    if walk.active_error:
        raise walk.active_error
    return done


def _open() -> None:
    try:
        spaces.ensure_candidate_spaces()
    except EncoderError as error:
        leases.set_reason(str(error), Embedding.objects.waiting().in_active_space())
        raise


class _IndexRun:
    """What one run knows of the spaces."""

    def __init__(self) -> None:
        self.space: VectorSpace | None = None  # whose collection was written to last
        self.without_encoder: set[int] = set()  # only what needs none goes on there
        self.active_error: EncoderError | None = None

    def claim(self, size: int, *, only_active: bool) -> tuple[VectorSpace, list[LeasedRow]] | None:
        for space in spaces.live_spaces().defer("background", "gate"):
            if space.active or not only_active:
                known = bool(space.problem) and not space.active  # looked for hourly
                blind = known or space.pk in self.without_encoder
                if jobs := leases.claim(space, size, needing_no_encoder=blind):
                    return space, jobs
        return None

    def enter(self, space: VectorSpace) -> None:
        if not self.space or self.space.collection != space.collection:
            self.leave()
            collections.ensure_collection(space)
            self.space = space

    def leave(self) -> None:
        if self.space:
            store.flush(self.space.collection)
            self.space = None

    def start(
        self, batch: list[LeasedRow], space: VectorSpace, pool: ThreadPoolExecutor
    ) -> list[LeasedRow]:
        """Take kept vectors and begin to decode the rest, if there is an encoder for them; return
        what can go on."""
        needing = [job for job in batch if not _is_ready(job, space)]
        if not needing:
            return batch
        try:
            encoder = space_encoders.encoder(space)
        except EncoderError as error:
            self._go_on_without(space, error)
            # what was kept of them is of no use, or they would be ready
            ids = [job.embedding.pk for job in needing]
            Embedding.objects.filter(pk__in=ids).update(vector_bytes=None)
            leases.release(needing, error)
            return [job for job in batch if job not in needing]
        for job in needing:
            job.pixels = pool.submit(_decode, job, encoder)
        return batch

    def _go_on_without(self, space: VectorSpace, error: EncoderError) -> None:
        logger.warning("%s: %s", space.model, error)
        self.without_encoder.add(space.pk)
        if space.active:
            self.active_error = error
        else:
            VectorSpace.objects.filter(pk=space.pk).update(problem=str(error))


def _is_ready(job: LeasedRow, space: VectorSpace) -> bool:
    """Settle what becomes of it, if that can be told without an encoder."""
    if job.asset is None:
        return True
    job.left_out = entities.skip_reason(job.asset)
    if not job.left_out:
        row = job.embedding
        kept = bytes(row.vector_bytes) if row.vector_bytes is not None else None
        job.vector = entities.sound_vector(kept, row.checksum, asset=job.asset, space=space)
    return bool(job.left_out) or job.vector is not None


def _decode(job: LeasedRow, encoder: ImageEncoder) -> clip.Floats:
    assert job.asset
    if job.embedding.attempts >= leases.MAX_ATTEMPTS:
        raise PictureRefused(f"Reading this picture ended the worker {leases.MAX_ATTEMPTS} times.")
    with default_storage.open(job.asset.path) as file:
        # twice the encoder's input: nearly the same vector as from the whole picture
        return encoder.preprocess(images.load_rgb(file, side=2 * encoder.input_size))


def _process(batch: list[LeasedRow], space: VectorSpace) -> BatchResult:
    outcome = BatchResult()
    outcome.removed = [job for job in batch if job.asset is None]
    outcome.left_out = [job for job in batch if job.left_out]
    _encode([job for job in batch if job.pixels], space, outcome)
    outcome.indexed = [job for job in batch if job.vector is not None]
    gone = [job.embedding.asset_id for job in [*outcome.removed, *outcome.left_out]]
    store.delete(gone, collection=space.collection)
    _write(outcome, space)
    return outcome


def _encode(batch: list[LeasedRow], space: VectorSpace, outcome: BatchResult) -> None:
    """CLIP in one batch; the vectors are safe in Postgres before Milvus hears of them."""
    ready: list[tuple[LeasedRow, clip.Floats]] = []
    for job in batch:
        assert job.pixels
        try:
            ready.append((job, job.pixels.result()))
        except PictureRefused as error:
            outcome.failed.append((job, error.message, False))
        except FileNotFoundError:
            outcome.failed.append((job, "The original file is gone from the storage.", False))
        except Exception as error:  # each storage backend raises its own
            outcome.failed.append((job, f"The file storage does not answer: {error}.", True))
    while ready:
        try:
            vectors = space_encoders.encoder(space).encode_pixels([pixels for _, pixels in ready])
            break
        except UnreadableVector as error:
            bad = set(error.rows)
            outcome.failed += [(ready[i][0], str(error), False) for i in bad]
            ready = [pair for i, pair in enumerate(ready) if i not in bad]
    for (job, _), vector in zip(ready, vectors if ready else [], strict=True):
        assert job.asset
        job.vector = vector
        job.embedding.vector = vector
        job.embedding.checksum = job.asset.checksum
    Embedding.objects.bulk_update([job.embedding for job, _ in ready], ["vector_bytes", "checksum"])


def _write(outcome: BatchResult, space: VectorSpace) -> None:
    """Into Milvus: all at once, or, if it will not have one of them, the others."""
    data = [
        store.Row(job.asset.pk, job.vector, entities.scalars(job.asset))
        for job in outcome.indexed
        if job.asset and job.vector is not None
    ]
    try:
        store.upsert(data, collection=space.collection)
    except VectorStoreRejected:
        taken = []
        for job, row in zip(outcome.indexed, data, strict=True):
            try:
                store.upsert([row], collection=space.collection)
                taken.append(job)
            except VectorStoreRejected as error:
                outcome.failed.append((job, str(error), False))
        outcome.indexed = taken


# ------------------------------------------------------------------------ asking for work


def enqueue_indexing() -> None:
    """One job for each change, in its transaction. The first to run works for all, and the others
    find nothing; a lock against more than one would lose rows whose transaction commits later."""
    jobs.defer("search.tasks.index_waiting")


def reindex(assets: Sequence[int]) -> int:
    """Mark the embeddings of these asset ids as waiting, in every space; kept vectors are used
    again. Assets that no signal told of get theirs. Returns how many assets wait."""
    Embedding.objects.filter(asset_id__in=assets).mark_pending()
    enrolment.enrol_assets(assets)
    return _waiting(assets)


def reembed(assets: Sequence[int]) -> int:
    """The same, but forget the vectors: CLIP runs again."""
    Embedding.objects.filter(asset_id__in=assets).update(vector_bytes=None, checksum="")
    return reindex(assets)


def _waiting(assets: Sequence[int]) -> int:
    """How many of these assets wait."""
    pending = Embedding.objects.filter(asset_id__in=assets, state=Embedding.State.PENDING)
    return pending.values("asset_id").distinct().count()
