"""Detection of duplicate images within a brand, in the background.

An asset is compared once, with its nearest assets by perceptual hash and by CLIP; `pixel_match`
compares the pixels and decides. Results are stored asset by asset, so that a run can be stopped or
killed at any point. Nothing depends on an encoder: after a rebuild of the index or a change of the
encoder, nothing is compared again.
"""

from __future__ import annotations

import datetime
import itertools
import logging
from collections.abc import Callable, Sequence
from functools import lru_cache

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from assetbank import locks
from assetbank.assets import open_rendition
from assetbank.errors import FileMissing, PictureRefused
from assetbank.media import decoder
from assetbank.models import Asset, AssetQuerySet, Brand
from search.duplicates import dismissals, pixel_match
from search.errors import SearchUnavailable
from search.indexing import entities, spaces
from search.models import Comparison, DuplicatePair, Embedding, VectorSpace
from search.vectorstore import VectorStoreUnavailable, expressions, store

logger = logging.getLogger(__name__)

BATCH = 16  # assets whose neighbours are looked up at once
MAX_CACHED_ARRAYS = 256  # images whose arrays are cached, 130 KB each
MAX_DIFFERENT_PAIRS = 200_000  # cached per run: most pairs come up from both sides
RETRY_AFTER = datetime.timedelta(
    hours=1
)  # time until an asset whose file was missing is compared again
UNREAD = ""  # checksum in the Comparison of such an asset: it equals no real one

Pair = tuple[int, int]  # ids, the lower one first

# One pass over the brand for the whole batch. `#` is exclusive or
NEAREST = """
SELECT asset_id, other_id FROM (
    SELECT asset.id AS asset_id, other.id AS other_id,
        row_number() OVER (PARTITION BY asset.id ORDER BY differing.bits, other.id) AS place
    FROM assetbank_asset AS asset
    JOIN assetbank_asset AS other ON other.brand_id = asset.brand_id AND other.id <> asset.id
    CROSS JOIN LATERAL (
        SELECT bit_count((asset.perceptual_hash # other.perceptual_hash)::bit(64)) AS bits
    ) AS differing
    WHERE asset.id = ANY(%s) AND other.status <> 'archived' AND other.deleted_at IS NULL
        AND differing.bits <= %s
) AS ranked WHERE place <= %s
"""


# ------------------------------------------------------------------------ detection


def detect(
    *,
    brand: Brand | None = None,
    wait: bool = False,
    stop: Callable[[], bool] = lambda: False,
    after: Callable[[int], None] = lambda done: None,
) -> int:
    """Compare assets that were not compared yet, until `stop()`; return how many.

    Only one process at a time compares: another one returns 0, or waits if `wait`. `after` is
    called with the count after each asset. Raises VectorStoreUnavailable.
    """
    done = 0
    with locks.session_lock("search.duplicates", wait=wait) as acquired:
        if not acquired:
            return 0
        try:
            space = spaces.active_space()
        except SearchUnavailable:
            return 0
        # An archived asset may have new neighbours once it is in use again
        Comparison.objects.filter(asset__status=Asset.Status.ARCHIVED).delete()
        comparer = _PairComparer()
        while not stop() and (batch := list(uncompared_assets(brand).order_by("pk")[:BATCH])):
            candidates = _candidates(batch, space)
            for asset in batch:
                if stop():
                    break
                _compare(asset, candidates.get(asset.pk, []), comparer)
                done += 1
                after(done)
    return done


def uncompared_assets(brand: Brand | None = None) -> AssetQuerySet:
    """Return the assets that are to be compared, of one brand or of all.

    These have a perceptual hash, are not archived and wait no longer for the index (indexed or
    skipped). They were compared neither with their present checksum nor within RETRY_AFTER.
    """
    settled = Embedding.objects.in_active_space().filter(
        asset_id=OuterRef("pk"),
        state__in=[Embedding.State.INDEXED, Embedding.State.SKIPPED],
    )
    done = Comparison.objects.filter(asset_id=OuterRef("pk")).filter(
        Q(checksum=OuterRef("checksum")) | Q(compared_at__gt=timezone.now() - RETRY_AFTER)
    )
    assets = Asset.objects.filter(Exists(settled), ~Exists(done), colours__isnull=False)
    assets = assets.exclude(status=Asset.Status.ARCHIVED)
    return assets.filter(brand=brand) if brand else assets


def compare_asset(asset: Asset) -> None:
    """Compare one asset with its nearest assets now. Raises SearchUnavailable."""
    space = spaces.active_space()
    try:
        candidates = _candidates([asset], space)
    except VectorStoreUnavailable as error:
        raise SearchUnavailable(str(error)) from error
    _compare(asset, candidates.get(asset.pk, []), _PairComparer())


def forget_comparisons(brand: Brand | None = None) -> None:
    """Delete all matches of a brand, or of all brands, so that its assets are compared again.

    Users' dismissals stay.
    """
    with transaction.atomic():
        found, done = DuplicatePair.objects.all(), Comparison.objects.all()
        if brand:
            found, done = found.filter(brand=brand), done.filter(asset__brand=brand)
        found.delete()
        done.delete()


class _PairComparer:
    """Compares pairs in one run, with caches of the images' arrays and of pairs that differ.

    Both are by checksum: a file may be replaced during the run.
    """

    def __init__(self) -> None:
        self.arrays = lru_cache(MAX_CACHED_ARRAYS)(_pixel_arrays)
        self.different: set[tuple[str, str]] = set()

    def score(self, first: Asset, second: Asset) -> float:
        """Return the score of a pair, or 0.0 below SAME_THRESHOLD or if unreadable.

        Raises FileMissing.
        """
        if (first.checksum, second.checksum) in self.different:
            return 0.0
        arrays = self.arrays(first, first.checksum), self.arrays(second, second.checksum)
        score = pixel_match.same_image_score(*arrays) if all(arrays) else 0.0  # type: ignore[arg-type]
        if score < pixel_match.SAME_THRESHOLD:
            if len(self.different) >= MAX_DIFFERENT_PAIRS:
                self.different.clear()
            self.different.add((first.checksum, second.checksum))
        return score


def _pixel_arrays(asset: Asset, checksum: str) -> pixel_match.PixelArrays | None:
    """Return an asset's arrays for `pixel_match`; None if its image cannot be decoded.

    `checksum`, that of the asset, is a part of the cache key.

    Raises FileMissing.
    """
    try:
        with open_rendition(asset=asset, name="grid") as file:
            return pixel_match.pixel_arrays(decoder.load_rgb(file, side=pixel_match.SIDE))
    except PictureRefused as error:
        logger.warning("%s: %s", asset.path, error)
        return None


def _compare(asset: Asset, others: Sequence[Asset], comparer: _PairComparer) -> None:
    """Compare the asset with the others, and store its matches and its comparison at once.

    If a file is missing, the asset is compared again after RETRY_AFTER.
    """
    found: dict[Pair, float] = {}
    checksum = asset.checksum
    for other in others:
        first, second = sorted((asset, other), key=lambda each: each.pk)
        try:
            score = comparer.score(first, second)
        except FileMissing as error:
            logger.warning("asset %d is compared later: %s", asset.pk, error)
            checksum = UNREAD
            continue
        if score >= pixel_match.SAME_THRESHOLD:
            found[first.pk, second.pk] = score
    with transaction.atomic():
        locked = Asset.objects.select_for_update(no_key=True).order_by("pk")
        compared = {each.pk: each.checksum for each in (asset, *others)}
        pks = {asset.pk, *itertools.chain.from_iterable(found)}
        existing = {  # with the file that was compared
            pk
            for pk, file in locked.filter(pk__in=pks).values_list("pk", "checksum")
            if file == compared[pk]
        }
        if asset.pk not in existing:
            return
        DuplicatePair.objects.bulk_create(
            [
                DuplicatePair(
                    brand_id=asset.brand_id, first_id=pair[0], second_id=pair[1], score=score
                )
                for pair, score in found.items()
                if existing.issuperset(pair)
            ],
            ignore_conflicts=True,
        )
        Comparison.objects.update_or_create(asset_id=asset.pk, defaults={"checksum": checksum})


# ------------------------------------------------------------------------ candidates


def _candidates(batch: Sequence[Asset], space: VectorSpace) -> dict[int, list[Asset]]:
    """Return, by id of each asset of the batch, the assets to compare it with.

    These are its nearest ones by perceptual hash and by vector, within its brand, without archived
    assets and without pairs that match or were dismissed already. Raises VectorStoreUnavailable.
    """
    pairs = _by_hash(batch) | _by_vector(batch, space)
    others = Asset.objects.exclude(status=Asset.Status.ARCHIVED).in_bulk(
        {pk for pair in pairs for pk in pair}
    )
    settled = _settled_pairs(pairs, others)
    found: dict[int, list[Asset]] = {}
    for asset in batch:
        own_pairs = sorted(pair for pair in pairs if asset.pk in pair and pair not in settled)
        nearest = [others.get(sum(pair) - asset.pk) for pair in own_pairs]
        found[asset.pk] = [other for other in nearest if other and other.brand_id == asset.brand_id]
    return found


def _by_hash(batch: Sequence[Asset]) -> set[Pair]:
    with connection.cursor() as cursor:
        ids = [asset.pk for asset in batch]
        cursor.execute(NEAREST, [ids, pixel_match.HASH_BITS, pixel_match.NEAREST_HASHES])
        return {_pair(*row) for row in cursor.fetchall()}


def _by_vector(batch: Sequence[Asset], space: VectorSpace) -> set[Pair]:
    """Return pairs of each asset of the batch and its nearest assets by stored vector.

    An asset that the index skipped may have no vector, and then has no pairs here. Raises
    VectorStoreUnavailable.
    """
    stored = Embedding.objects.filter(space=space, asset_id__in=[asset.pk for asset in batch])
    vectors = {
        pk: (value, checksum)
        for pk, value, checksum in stored.values_list("asset_id", "vector_bytes", "checksum")
    }
    pairs = set()
    for asset in batch:
        value, checksum = vectors.get(asset.pk, (None, ""))
        value = bytes(value) if value is not None else None
        vector = entities.valid_vector(value, checksum, asset=asset, space=space)
        if vector is None:
            continue
        where = expressions.all_of(
            [
                expressions.equals("brand_id", asset.brand_id),
                expressions.differs("status", "archived"),
            ]
        )
        hits = store.search(
            vector,
            limit=pixel_match.NEAREST_VECTORS + 1,
            where=where,
            collection=space.collection,
        )
        near = [hit.id for hit in hits if hit.id != asset.pk][: pixel_match.NEAREST_VECTORS]
        pairs |= {_pair(asset.pk, pk) for pk in near}
    return pairs


def _settled_pairs(pairs: set[Pair], assets: dict[int, Asset]) -> set[Pair]:
    """Return those of `pairs` that users dismissed, and all pairs of `assets` that match
    already."""
    stored = DuplicatePair.objects.filter(first__in=assets, second__in=assets)
    matches = set(stored.values_list("first_id", "second_id"))
    checksums = {pk: asset.checksum for pk, asset in assets.items()}
    dismissed = dismissals.dismissed_pairs(checksums.values())
    return matches | {
        pair
        for pair in pairs
        if checksums.keys() >= set(pair) and frozenset(checksums[pk] for pk in pair) in dismissed
    }


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
