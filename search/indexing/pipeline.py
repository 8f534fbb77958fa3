"""The indexing pipeline: from pending rows to vectors in Milvus.

Postgres is authoritative and stores every vector; Milvus is repaired from it. A batch is claimed
under a lease, so that the rows of a dead worker become claimable again, and rows have a version, so
that a result computed from an older asset is discarded. Every space is processed, the active one
first, each in its own collection.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from assetbank import jobs
from assetbank.assets import open_rendition
from assetbank.errors import FileMissing, OriginalMissing, PictureRefused
from assetbank.media import images
from search.encoders import EncoderError, ImageEncoder, UnreadableVector, clip
from search.indexing import collections, enrolment, entities, leases, space_encoders, spaces
from search.indexing.leases import BatchResult, LeasedRow
from search.models import Embedding, VectorSpace
from search.vectorstore import VectorStoreRejected, store

logger = logging.getLogger(__name__)

# Decoded at this many times the encoder's input size, the vector is nearly that of the full image:
# of 112 photographs the worst cosine was 0.9998, and 0.9986 at twice the size
DECODED = 3
DECODERS = 4  # threads that decode images: enough for two cores and a remote storage


# ------------------------------------------------------------------------ batches


def index_pending(
    *,
    batch_size: int | None = None,
    other_spaces_s: float = math.inf,
    after_batch: Callable[[int], None] = lambda done: None,
) -> int:
    """Index until nothing is pending; return how many rows were processed.

    Work on spaces that are not active stops after about `other_spaces_s` seconds. Each batch is
    decoded in threads, and only then encoded: decoding the next one at the same time would take the
    cores that the encoder's threads wait for. Raises VectorStoreUnavailable, and EncoderUnavailable
    of the active space; the claimed rows are then released with the reason.
    """
    _ensure_spaces()
    size, end = batch_size or settings.INDEX_BATCH_SIZE, time.monotonic() + other_spaces_s
    run = _IndexRun()
    done = 0
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
        while claimed := run.claim(size, only_active=time.monotonic() >= end):
            space, batch = claimed
            try:
                run.open_collection(space)
                ready = run.start_decoding(batch, space, pool)
                leases.finish(_process(ready, space), space)
            except BaseException as error:  # also Ctrl-C: do not make the rows wait for their lease
                leases.release(batch, error)
                raise
            done += len(ready)
            after_batch(done)
    run.close_collection()
    if run.active_error:
        raise run.active_error
    return done


def _ensure_spaces() -> None:
    """Ensure the spaces; if the encoder is unavailable, record why on the pending rows."""
    try:
        spaces.ensure_candidate_spaces()
    except EncoderError as error:
        leases.set_reason(str(error), Embedding.objects.waiting().in_active_space())
        raise


class _IndexRun:
    """State of one run of `index_pending`: the open collection, and spaces without an encoder."""

    def __init__(self) -> None:
        self.space: VectorSpace | None = None  # space with the open collection
        self.without_encoder: set[int] = set()  # ids; only rows that need no encoder are claimed
        self.active_error: EncoderError | None = None

    def claim(self, size: int, *, only_active: bool) -> tuple[VectorSpace, list[LeasedRow]] | None:
        """Claim a batch of the first space that has one, the active space first."""
        for space in spaces.live_spaces().defer("background", "gate"):
            if space.active or not only_active:
                # A space with a known problem is only checked hourly
                has_problem = bool(space.problem) and not space.active
                without_encoder = has_problem or space.pk in self.without_encoder
                if jobs := leases.claim(space, size, needing_no_encoder=without_encoder):
                    return space, jobs
        return None

    def open_collection(self, space: VectorSpace) -> None:
        """Open the space's collection for writing, closing the previous one."""
        if not self.space or self.space.collection != space.collection:
            self.close_collection()
            collections.ensure_collection(space)
            self.space = space

    def close_collection(self) -> None:
        """Flush and close the open collection."""
        if self.space:
            store.flush(self.space.collection)
            self.space = None

    def start_decoding(
        self, batch: list[LeasedRow], space: VectorSpace, pool: ThreadPoolExecutor
    ) -> list[LeasedRow]:
        """Use stored vectors, and start decoding the other rows; return the rows to process.

        Without an encoder, rows that need one are released.
        """
        to_encode = [leased for leased in batch if not _is_ready(leased, space)]
        if not to_encode:
            return batch
        try:
            encoder = space_encoders.load_encoder(space)
        except EncoderError as error:
            self._continue_without_encoder(space, error)
            # Their stored vectors are not valid, or they would not need the encoder
            ids = [leased.embedding.pk for leased in to_encode]
            Embedding.objects.filter(pk__in=ids).update(vector_bytes=None)
            leases.release(to_encode, error)
            return [leased for leased in batch if leased not in to_encode]
        for leased in to_encode:
            leased.pixels = pool.submit(_decode, leased, encoder)
        return batch

    def _continue_without_encoder(self, space: VectorSpace, error: EncoderError) -> None:
        logger.warning("%s: %s", space.model, error)
        self.without_encoder.add(space.pk)
        if space.active:
            self.active_error = error
        else:
            VectorSpace.objects.filter(pk=space.pk).update(problem=str(error))


def _is_ready(leased: LeasedRow, space: VectorSpace) -> bool:
    """Return True if a claimed row can be written without the encoder.

    Sets the reason for skipping its asset, or its valid stored vector, if it has one.
    """
    if leased.asset is None:
        return True
    leased.skip_reason = entities.skip_reason(leased.asset)
    if not leased.skip_reason:
        row = leased.embedding
        stored = bytes(row.vector_bytes) if row.vector_bytes is not None else None
        leased.vector = entities.valid_vector(stored, row.checksum, asset=leased.asset, space=space)
    return bool(leased.skip_reason) or leased.vector is not None


def _decode(leased: LeasedRow, encoder: ImageEncoder) -> clip.Floats:
    """Return the pixels of a claimed asset's rendition for encoders, as this encoder takes them.

    A rendition that is missing is made again. Raises PictureRefused and FileMissing.
    """
    assert leased.asset
    if leased.embedding.attempts >= leases.MAX_ATTEMPTS:
        raise PictureRefused(
            f"Reading this image crashed the worker {leases.MAX_ATTEMPTS} times. Upload "
            "another version of the file."
        )
    with open_rendition(asset=leased.asset, name="encoder") as file:
        side = DECODED * encoder.input_size
        return encoder.preprocess(images.load_rendition(file, side=side))


def _process(batch: list[LeasedRow], space: VectorSpace) -> BatchResult:
    """Encode a batch, delete and upsert its rows in Milvus, and return the result."""
    result = BatchResult()
    result.removed = [leased for leased in batch if leased.asset is None]
    result.skipped = [leased for leased in batch if leased.skip_reason]
    _encode([leased for leased in batch if leased.pixels], space, result)
    result.indexed = [leased for leased in batch if leased.vector is not None]
    # What cannot be encoded may have replaced a file that is still in the index
    failed = [leased for leased, _, may_be_retried in result.failed if not may_be_retried]
    gone = [leased.embedding.asset_id for leased in [*result.removed, *result.skipped, *failed]]
    store.delete(gone, collection=space.collection)
    _write(result, space)
    return result


def _encode(batch: list[LeasedRow], space: VectorSpace, result: BatchResult) -> None:
    """Encode the decoded rows in one batch, and store the vectors in Postgres before Milvus."""
    ready: list[tuple[LeasedRow, clip.Floats]] = []
    for leased in batch:
        assert leased.pixels
        try:
            ready.append((leased, leased.pixels.result()))
        except PictureRefused as error:
            result.failed.append((leased, error.message, False))
        except OriginalMissing:
            result.failed.append((leased, "The original file is missing from the storage.", False))
        except FileMissing as error:
            result.failed.append((leased, error.message, True))
        except Exception as error:  # each storage backend raises its own, also while it reads
            result.failed.append((leased, f"The file storage is not responding: {error}.", True))
    while ready:
        try:
            vectors = space_encoders.load_encoder(space).encode_pixels(
                [pixels for _, pixels in ready]
            )
            break
        except UnreadableVector as error:
            bad = set(error.rows)
            result.failed += [(ready[i][0], str(error), False) for i in bad]
            ready = [pair for i, pair in enumerate(ready) if i not in bad]
    for (leased, _), vector in zip(ready, vectors if ready else [], strict=True):
        assert leased.asset
        leased.vector = vector
        leased.embedding.vector = vector
        leased.embedding.checksum = leased.asset.checksum
    Embedding.objects.bulk_update(
        [leased.embedding for leased, _ in ready], ["vector_bytes", "checksum"]
    )


def _write(result: BatchResult, space: VectorSpace) -> None:
    """Upsert the batch's vectors into Milvus; if it rejects them, row by row, to find the bad
    ones."""
    data = [
        store.Row(leased.asset.pk, leased.vector, entities.scalars(leased.asset))
        for leased in result.indexed
        if leased.asset and leased.vector is not None
    ]
    try:
        store.upsert(data, collection=space.collection)
    except VectorStoreRejected:
        accepted = []
        for leased, row in zip(result.indexed, data, strict=True):
            try:
                store.upsert([row], collection=space.collection)
                accepted.append(leased)
            except VectorStoreRejected as error:
                result.failed.append((leased, str(error), False))
        result.indexed = accepted


# ------------------------------------------------------------------------ enqueueing


def enqueue_indexing() -> None:
    """Defer one indexing job in the transaction of the change.

    The first job to run does the work of all, and the others find nothing to do. A lock against
    more than one would lose rows whose transaction commits later.
    """
    jobs.defer("search.tasks.index_waiting")


def reindex(assets: Sequence[int]) -> int:
    """Mark the embeddings of these asset ids pending in every space; return how many assets wait.

    Valid stored vectors are reused. Assets without embeddings are enrolled.
    """
    Embedding.objects.filter(asset_id__in=assets).mark_pending()
    enrolment.enrol_assets(assets)
    return _count_pending(assets)


def reembed(assets: Sequence[int]) -> int:
    """Delete the vectors of these asset ids, so that CLIP encodes them again.

    Returns how many assets wait.
    """
    Embedding.objects.filter(asset_id__in=assets).update(vector_bytes=None, checksum="")
    return reindex(assets)


def _count_pending(assets: Sequence[int]) -> int:
    """Return how many of these assets are pending in any space."""
    pending = Embedding.objects.filter(asset_id__in=assets, state=Embedding.State.PENDING)
    return pending.values("asset_id").distinct().count()
