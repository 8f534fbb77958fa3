"""The trash: assets are put aside, restored as they were, and deleted for good with their files.

Nothing of an asset is changed in the trash: its collections, tags, decisions, duplicates and vector
wait with it. `Asset.objects` does not return it, `Asset.all_objects` does.
"""

from __future__ import annotations

import datetime
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from assetbank import hooks, jobs, permissions
from assetbank.assets import files
from assetbank.errors import AssetInTrash
from assetbank.models import Asset, AssetQuerySet, CollectionItem

logger = logging.getLogger(__name__)

# Assets per transaction: rows stay locked for a moment only. A purge also names their files
BATCH, PURGE_BATCH = 500, 100
ALREADY_THERE = "in the trash already"
NOT_THERE = "no longer in the trash"
GONE = "deleted in the meantime"


@dataclass
class TrashResult:
    """Ids of the changed assets, and the number of the others by the reason why they stay."""

    done: list[int] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def left_out(self) -> str:
        """A sentence about those that were skipped; "" if none was."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items())
        return f"Skipped: {reasons}." if reasons else ""


@dataclass(frozen=True)
class Impact:
    """Consequences of deleting assets for good."""

    assets: int
    bytes: int  # of their originals
    sentences: list[str]


def trash_assets(*, assets: Sequence[Asset] | AssetQuerySet, by: User | None) -> TrashResult:
    """Move assets to the trash: lists, searches and counts leave them out at once.

    Assets of brands that `by` does not manage are skipped; None stands for the system. Each BATCH
    is one transaction.
    """
    now = timezone.now()

    def move(batch: list[Asset]) -> None:
        _update(batch, deleted_at=now, deleted_by=by)

    return _change(assets, by, move, problem=_already_there, size=BATCH)


def restore_assets(*, assets: Sequence[Asset] | AssetQuerySet, by: User | None) -> TrashResult:
    """Move assets out of the trash, back into their collections and duplicates.

    Assets of brands that `by` does not manage are skipped; None stands for the system.
    """

    def restore(batch: list[Asset]) -> None:
        _update(batch, deleted_at=None, deleted_by=None)

    return _change(assets, by, restore, problem=_not_there, size=BATCH)


def purge_assets(*, assets: Sequence[Asset] | AssetQuerySet, by: User | None = None) -> TrashResult:
    """Delete assets for good that are in the trash; generations keep their records of them.

    Assets of brands that `by` does not manage are skipped; None stands for the system. A job that
    deletes the files commits with each batch, so neither rows without files nor files without rows
    remain when a process is killed.
    """

    def purge(batch: list[Asset]) -> None:
        paths = sorted(set(itertools.chain.from_iterable(map(files.file_paths, batch))))
        Asset.all_objects.filter(pk__in=[asset.pk for asset in batch]).delete()
        jobs.defer("assetbank.tasks.delete_files", paths=paths)

    result = _change(assets, by, purge, problem=_not_there, size=PURGE_BATCH)
    logger.info("%s deleted %d assets for good", by or "the system", len(result.done))
    return result


def purge_expired() -> int:
    """Delete assets for good that were in the trash for TRASH_DAYS; return how many.

    With TRASH_DAYS of 0 they stay until a manager deletes them.
    """
    if not settings.TRASH_DAYS:
        return 0
    end = timezone.now() - datetime.timedelta(days=settings.TRASH_DAYS)
    return len(purge_assets(assets=Asset.all_objects.filter(deleted_at__lte=end)).done)


def impact(assets: AssetQuerySet) -> Impact:
    """Return what is lost once these assets are deleted for good."""
    items = CollectionItem.objects.filter(asset__in=assets.values("pk")).order_by()
    collections = items.values("collection").distinct().count()
    named = f"They leave {collections} collection{'s' * (collections != 1)}."
    return Impact(
        assets=assets.count(),
        bytes=assets.aggregate(total=Sum("bytes"))["total"] or 0,
        sentences=[
            *([named] if collections else []),
            *itertools.chain.from_iterable(hooks.deletion_impact(assets)),
        ],
    )


def upload_error(asset: Asset) -> AssetInTrash:
    """Return the error for an upload of the bytes of an asset that is in the trash."""
    since = date_format(timezone.localtime(asset.deleted_at), "j F Y")
    error = AssetInTrash(
        f"{asset.brand} has this file already: “{asset}” (asset {asset.pk}) has been in the trash "
        f"since {since}. A manager of {asset.brand} can restore it."
    )
    error.extra = {
        "asset": str(asset.pk),
        "title": asset.title,
        "page": asset.get_absolute_url(),
        "restore": reverse("api-asset-restore", args=[asset.pk]),
    }
    return error


def _update(batch: list[Asset], **fields: object) -> None:
    """Set the fields of the assets; `updated_at` stays, for nothing that they show has changed."""
    pks = [asset.pk for asset in batch]
    Asset.all_objects.filter(pk__in=pks).update(**fields)
    hooks.trash_changed(pks)


def _already_there(asset: Asset) -> str:
    return ALREADY_THERE if asset.in_trash else ""


def _not_there(asset: Asset) -> str:
    return "" if asset.in_trash else NOT_THERE


def _change(
    assets: Sequence[Asset] | AssetQuerySet,
    by: User | None,
    change: Callable[[list[Asset]], None],
    *,
    problem: Callable[[Asset], str],
    size: int,
) -> TrashResult:
    """Call `change` with batches of locked assets, each in a transaction; skip those that have a
    `problem`, or whose brand is not managed by `by`."""
    result = TrashResult()
    managed = None if by is None else _ids(permissions.brands(by, *permissions.MANAGERS))
    for pks in _batches(assets, size):
        with transaction.atomic():
            locked = Asset.all_objects.select_for_update(of=("self",)).select_related("brand")
            rows = list(locked.filter(pk__in=pks).order_by("pk"))
            batch = []
            for asset in rows:
                if managed is not None and asset.brand_id not in managed:
                    result.skipped[f"of {asset.brand}, which you do not manage"] += 1
                elif reason := problem(asset):
                    result.skipped[reason] += 1
                else:
                    batch.append(asset)
            if batch:
                change(batch)
        result.done += [asset.pk for asset in batch]
        if gone := len(pks) - len(rows):
            result.skipped[GONE] += gone
    return result


def _batches(assets: Sequence[Asset] | AssetQuerySet, size: int) -> Iterator[list[int]]:
    """Yield the ids of the assets in lists of at most `size`, each id once."""
    if isinstance(assets, QuerySet):
        pks = list(assets.order_by("pk").values_list("pk", flat=True).distinct())
    else:
        pks = list(dict.fromkeys(asset.pk for asset in assets))
    for start in range(0, len(pks), size):
        yield pks[start : start + size]


def _ids(rows: QuerySet) -> set[int]:  # type: ignore[type-arg]
    return set(rows.values_list("pk", flat=True))
