"""Reconciliation of Milvus with Postgres: compare, repair differences, or rebuild."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from assetbank.models import Asset
from search.indexing import collections, enrolment, entities, pipeline
from search.indexing import spaces as spaces_module
from search.indexing.collections import Progress
from search.models import Embedding, VectorSpace
from search.vectorstore import schema, store

PAGE = 500
FINDINGS = ("without embedding", "missing in Milvus", "scalars differ", "stray in Milvus")


@dataclass
class SpaceReport:
    """Differences found in one space: counts, and at most MAX_EXAMPLES asset ids of each kind."""

    MAX_EXAMPLES = 20
    space: VectorSpace
    checked: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FINDINGS, 0))
    examples: dict[str, list[int]] = field(default_factory=dict)

    def add(self, finding: str, ids: list[int], count: int | None = None) -> None:
        """Add asset ids to a kind of finding; `count` if there are more than `ids`."""
        self.counts[finding] += len(ids) if count is None else count
        examples = self.examples.setdefault(finding, [])
        examples.extend(ids[: self.MAX_EXAMPLES - len(examples)])


@dataclass
class Report:
    """Differences found in all spaces."""

    spaces: list[SpaceReport]

    @property
    def checked(self) -> int:
        return sum(each.checked for each in self.spaces)

    @property
    def counts(self) -> dict[str, int]:
        counts: Counter[str] = Counter(dict.fromkeys(FINDINGS, 0))
        for each in self.spaces:
            counts.update(each.counts)
        return dict(counts)

    @property
    def sound(self) -> bool:
        return not any(self.counts.values())


def check_index(*, fix: bool = False, progress: Progress = lambda done, total: None) -> Report:
    """Compare assets, embeddings and Milvus in every space, by ids both ways and by scalars.

    Works page by page, so memory use does not grow with the library. With `fix`, differing rows are
    marked pending (stored vectors are reused, CLIP does not run) and strays are deleted; the
    indexing job does the rest. Raises VectorStoreUnavailable and EncoderUnavailable.
    """
    spaces_module.ensure_active_space()  # refills a missing collection
    if fix:
        spaces_module.retry()
    report = Report([SpaceReport(space) for space in spaces_module.live_spaces()])
    indexed = Embedding.objects.filter(
        state=Embedding.State.INDEXED, space__in=spaces_module.live_spaces()
    )
    total = indexed.count()
    for each in report.spaces:
        collections.ensure_collection(each.space)
        _check_assets(each, fix=fix)
        for page in _pages(indexed.filter(space=each.space)):
            _check_page(each, page, fix=fix)
            progress(report.checked, total)
        _check_strays(each, fix=fix)
    if fix:
        collections.drop_unused()
    return report


def _check_assets(report: SpaceReport, *, fix: bool) -> None:
    """Report assets without an embedding, and enrol them with `fix`.

    They exist because `bulk_create` and raw SQL send no signal.
    """
    has_row = Embedding.objects.filter(space=report.space, asset_id=OuterRef("pk"))
    missing = Asset.objects.filter(~Exists(has_row)).order_by("pk").values_list("pk", flat=True)
    report.add("without embedding", list(missing[: report.MAX_EXAMPLES]), missing.count())
    if fix:
        enrolment.enrol(report.space)


def _check_page(report: SpaceReport, page: list[int], *, fix: bool) -> None:
    """Compare these asset ids with Milvus, and add differing ones to the report.

    With `fix`, their embeddings are marked pending.
    """
    expected = {
        asset.pk: entities.scalars(asset) for asset in Asset.objects.with_tags().filter(pk__in=page)
    }
    found = store.fetch(list(expected), collection=report.space.collection)
    missing = [pk for pk in expected if pk not in found]
    differing = [pk for pk in found if not same_scalars(expected[pk], found[pk])]
    report.add("missing in Milvus", missing)
    report.add("scalars differ", differing)
    report.checked += len(page)
    if fix:
        report.space.embeddings.filter(asset_id__in=missing + differing).mark_pending()


def _check_strays(report: SpaceReport, *, fix: bool) -> None:
    """Report ids in Milvus that Postgres does not know or skips, or whose asset is deleted or in
    the trash.

    With `fix`, they are deleted, and embeddings are marked whose assets were deleted or moved to
    the trash without a signal.
    """
    top = report.space.embeddings.aggregate(top=Max("asset_id"))["top"] or 0
    has_asset = Exists(Asset.objects.filter(pk=OuterRef("asset_id")))
    removing = Q(state=Embedding.State.REMOVING)
    left_out = [Embedding.State.SKIPPED, Embedding.State.TRASHED]
    known = report.space.embeddings.exclude(state__in=left_out)
    known = known.filter(removing | has_asset)
    for ids in store.iter_ids(top, collection=report.space.collection):
        known_ids = set(known.filter(asset_id__in=ids).values_list("asset_id", flat=True))
        strays = [pk for pk in ids if pk not in known_ids]
        report.add("stray in Milvus", strays)
        if fix:
            store.delete(strays, collection=report.space.collection)
    if fix:
        exists = Exists(Asset.all_objects.filter(pk=OuterRef("asset_id")))
        report.space.embeddings.filter(~removing & ~exists).update(state=Embedding.State.REMOVING)
        in_trash = Asset.all_objects.filter(deleted_at__isnull=False)
        trashed = Exists(in_trash.filter(pk=OuterRef("asset_id")))
        unmarked = report.space.embeddings.exclude(state=Embedding.State.TRASHED)
        unmarked.filter(~removing & trashed).mark_pending()


def _pages(indexed: QuerySet[Embedding]) -> Iterator[list[int]]:
    last = 0
    assets = indexed.order_by("asset_id").values_list("asset_id", flat=True)
    while page := list(assets.filter(asset_id__gt=last)[:PAGE]):
        yield page
        last = page[-1]


def same_scalars(expected: schema.Scalars, found: schema.Scalars) -> bool:
    """Return True if Milvus holds the expected scalars of an asset."""
    close = math.isclose(expected["aspect_ratio"], found["aspect_ratio"], rel_tol=1e-6)
    found = {**found, "aspect_ratio": expected["aspect_ratio"], "tags": sorted(found["tags"])}
    return close and expected == found


def rebuild_index(
    space: VectorSpace | None = None, *, progress: Progress = lambda done, total: None
) -> int:
    """Fill a new collection from the vectors in Postgres, and return its number of rows.

    CLIP does not run. The old collection serves until the new one is complete. Rows without a valid
    vector are marked pending. Raises VectorStoreUnavailable and EncoderUnavailable.
    """
    space = space or spaces_module.ensure_active_space()
    done = collections.rebuild(space, progress=progress)
    check_index(fix=True)
    if space.embeddings.waiting().exists():
        pipeline.enqueue_indexing()
    return done
