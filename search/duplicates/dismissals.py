"""Dismissals: users' decisions that two images are not the same.

Stored by checksum, so they outlive assets, indexes and encoders; they can be undone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from assetbank.errors import InvalidAsset
from assetbank.models import Asset, AssetQuerySet
from search.models import Comparison, DuplicateDismissal


def pair(one: Asset, other: Asset) -> tuple[str, str]:
    """Return the checksums of both assets in the order in which dismissals store them."""
    first, second = sorted((one.checksum, other.checksum))
    return first, second


def dismissed_pairs(checksums: Iterable[str]) -> set[frozenset[str]]:
    """Return the dismissed pairs among these checksums."""
    checksums = list(checksums)
    dismissed = DuplicateDismissal.objects.filter(first__in=checksums, second__in=checksums)
    return {frozenset(each) for each in dismissed.values_list("first", "second")}


def dismiss(
    assets: Sequence[Asset], *, by: User, one: Asset | None = None
) -> list[tuple[str, str]]:
    """Record that the assets are all different images, or that `one` differs from the others.

    Returns the new pairs as checksums, for `undo_dismissal`. Raises InvalidAsset unless there are
    two assets of one brand.
    """
    assets = list({asset.pk: asset for asset in assets}.values())
    pairs = itertools.combinations(assets, 2)
    chosen = [both for both in pairs if one is None or one in both]
    if not chosen:
        raise InvalidAsset("Choose at least two assets.")
    if len({asset.brand_id for asset in assets}) > 1:
        raise InvalidAsset("Choose assets of the same brand.")
    known = dismissed_pairs(asset.checksum for asset in assets)
    new = [key for first, second in chosen if frozenset(key := pair(first, second)) not in known]
    DuplicateDismissal.objects.bulk_create(
        [DuplicateDismissal(first=first, second=second, said_by=by) for first, second in new],
        ignore_conflicts=True,
    )
    return new


def dismissed_duplicates(asset: Asset, candidates: AssetQuerySet) -> AssetQuerySet:
    """Return those of `candidates` in the asset's brand that were dismissed as its duplicates."""
    dismissed = DuplicateDismissal.objects
    others = Q(checksum__in=dismissed.filter(first=asset.checksum).values("second"))
    others |= Q(checksum__in=dismissed.filter(second=asset.checksum).values("first"))
    return candidates.filter(others, brand=asset.brand_id).exclude(status=Asset.Status.ARCHIVED)


@transaction.atomic
def undo_dismissal(pairs: Sequence[tuple[str, str]], *, by: User | None = None) -> int:
    """Delete dismissals of these pairs of checksums, of any user or only `by`; return how many.

    Matches that were found show again, and the assets are compared again.
    """
    done = 0
    for first, second in pairs:
        rows = DuplicateDismissal.objects.filter(first=first, second=second)
        done += (rows.filter(said_by=by) if by else rows).delete()[0]
    checksums = set(itertools.chain.from_iterable(pairs))
    Comparison.objects.filter(asset__checksum__in=checksums).delete()
    return done
