"""Putting Milvus right from Postgres: compare both, mend differences, or rebuild as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef
from django.utils import timezone

from assetbank.models import Asset
from search import indexing, milvus, spaces
from search.models import Embedding, VectorSpace

PAGE = 500
Progress = Callable[[int, int], None]  # done, total


@dataclass
class Report:
    """What `check` found, as asset ids (at most KEPT of each) and counts."""

    KEPT = 20
    checked: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("without embedding", "missing in Milvus", "scalars differ", "stray in Milvus"), 0
        )
    )
    examples: dict[str, list[int]] = field(default_factory=dict)

    def add(self, what: str, ids: list[int]) -> None:
        self.counts[what] += len(ids)
        listed = self.examples.setdefault(what, [])
        listed.extend(ids[: self.KEPT - len(listed)])

    @property
    def sound(self) -> bool:
        return not any(self.counts.values())


def check(*, fix: bool = False, progress: Progress = lambda done, total: None) -> Report:
    """Compare assets, embeddings and Milvus, a page at a time: ids both ways, and scalars.

    With `fix`, what is wrong is marked waiting (kept vectors are used, CLIP does not run) and
    strays are deleted; the index job does the rest. Raises MilvusDown and EncoderUnavailable.
    """
    spaces.open_active()  # a collection that is gone altogether is made anew here
    report = Report()
    _check_assets(report, fix=fix)
    total = Embedding.objects.filter(state=Embedding.State.INDEXED).count()
    for page in _indexed_pages():
        expected = {
            asset.pk: indexing.scalars(asset)
            for asset in Asset.objects.with_tags().filter(pk__in=page)
        }
        found = milvus.fetch(list(expected))
        missing = [pk for pk in expected if pk not in found]
        differing = [pk for pk in found if not _same(expected[pk], found[pk])]
        report.add("missing in Milvus", missing)
        report.add("scalars differ", differing)
        report.checked += len(page)
        if fix:
            indexing.request_index(missing + differing)
        progress(report.checked, total)
    _check_strays(report, fix=fix)
    return report


def _check_assets(report: Report, *, fix: bool) -> None:
    """`bulk_create` and raw SQL pass no signal: assets without a row here, and rows without one."""
    has_row = Embedding.objects.filter(asset_id=OuterRef("pk"))
    missing = Asset.objects.filter(~Exists(has_row)).order_by("pk").values_list("pk", flat=True)
    for ids in _paged(list(missing)):
        report.add("without embedding", ids)
        if fix:
            Embedding.objects.bulk_create(
                [Embedding(asset_id=pk) for pk in ids], ignore_conflicts=True
            )
    if fix:
        has_asset = Asset.objects.filter(pk=OuterRef("asset_id"))
        Embedding.objects.filter(~Exists(has_asset)).update(state=Embedding.State.REMOVING)


def _check_strays(report: Report, *, fix: bool) -> None:
    top = Embedding.objects.aggregate(top=Max("asset_id"))["top"] or 0
    for ids in milvus.stream_ids(top):
        known = set(Embedding.objects.filter(asset_id__in=ids).values_list("asset_id", flat=True))
        strays = [pk for pk in ids if pk not in known]
        report.add("stray in Milvus", strays)
        if fix:
            milvus.delete(strays)


def _indexed_pages() -> Iterator[list[int]]:
    last = 0
    while True:
        page = list(
            Embedding.objects.filter(state=Embedding.State.INDEXED, asset_id__gt=last)
            .order_by("asset_id")
            .values_list("asset_id", flat=True)[:PAGE]
        )
        if not page:
            return
        yield page
        last = page[-1]


def _paged(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), PAGE):
        yield ids[start : start + PAGE]


def _same(expected: milvus.Scalars, found: milvus.Scalars) -> bool:
    close = math.isclose(expected["aspect_ratio"], found["aspect_ratio"], rel_tol=1e-6)
    found = {**found, "aspect_ratio": expected["aspect_ratio"], "tags": sorted(found["tags"])}
    return close and expected == found


def rebuild(*, progress: Progress = lambda done, total: None) -> int:
    """A new collection from the vectors in Postgres, without CLIP; the alias flips when it is full.

    The old one serves meanwhile. Rows whose vector does not fit are marked waiting. Returns how
    many rows the new collection got. Raises MilvusDown and EncoderUnavailable.
    """
    space = spaces.open_active()
    started = timezone.now()
    name = spaces.collection_name(space)
    milvus.create(name, space.dimension)
    done, last = 0, 0
    total = Embedding.objects.exclude(state=Embedding.State.REMOVING).count()
    while page := list(
        Embedding.objects.filter(asset_id__gt=last)
        .exclude(state=Embedding.State.REMOVING)
        .order_by("asset_id")[:PAGE]
    ):
        rows = indexing.kept_rows(page, space)
        milvus.upsert(rows, collection=name)
        kept = {row.id for row in rows}
        indexing.request_index([row.asset_id for row in page if row.asset_id not in kept])
        done, last = done + len(rows), page[-1].asset_id
        progress(min(done, total), total)
    milvus.settle(name)
    milvus.point_alias(name)
    with transaction.atomic():
        VectorSpace.objects.filter(pk=space.pk).update(collection=name, revision=F("revision") + 1)
        # what changed while we copied went to the old collection: it goes through once more
        Embedding.objects.filter(updated_at__gte=started).mark_pending()
    milvus.drop_others(keep=name)
    check(fix=True)
    return done
