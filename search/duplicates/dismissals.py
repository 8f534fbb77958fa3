"""What people say of pictures that look the same: that they are not. It is about their bytes, so it
outlives assets, indexes and encoders; it can be taken back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from assetbank.errors import InvalidAsset
from assetbank.models import Asset, AssetQuerySet
from search.models import Comparison, NotTheSame


def pair(one: Asset, other: Asset) -> tuple[str, str]:
    """Their checksums, as they are remembered."""
    first, second = sorted((one.checksum, other.checksum))
    return first, second


def dismissed_pairs(checksums: Iterable[str]) -> set[frozenset[str]]:
    """Pairs of these that somebody said are not the same."""
    known = list(checksums)
    said = NotTheSame.objects.filter(first__in=known, second__in=known)
    return {frozenset(each) for each in said.values_list("first", "second")}


def dismiss(
    assets: Sequence[Asset], *, by: User, one: Asset | None = None
) -> list[tuple[str, str]]:
    """Each of these is another picture than each other one, or than `one`, if that is given.
    Returns what was new, as checksums, for `take_back`. Raises InvalidAsset."""
    assets = list({asset.pk: asset for asset in assets}.values())
    pairs = itertools.combinations(assets, 2)
    chosen = [both for both in pairs if one is None or one in both]
    if not chosen:
        raise InvalidAsset("It takes two pictures to say that they are not the same.")
    if len({asset.brand_id for asset in assets}) > 1:
        raise InvalidAsset("Only pictures of one brand are compared.")
    known = dismissed_pairs(asset.checksum for asset in assets)
    new = [key for first, second in chosen if frozenset(key := pair(first, second)) not in known]
    NotTheSame.objects.bulk_create(
        [NotTheSame(first=first, second=second, said_by=by) for first, second in new],
        ignore_conflicts=True,
    )
    return new


def dismissed_among(asset: Asset, among: AssetQuerySet) -> AssetQuerySet:
    """Those of its brand of which somebody said that they are not the same as `asset`."""
    said = NotTheSame.objects
    others = Q(checksum__in=said.filter(first=asset.checksum).values("second"))
    others |= Q(checksum__in=said.filter(second=asset.checksum).values("first"))
    return among.filter(others, brand=asset.brand_id).exclude(status=Asset.Status.ARCHIVED)


@transaction.atomic
def undo_dismissal(said: Sequence[tuple[str, str]], *, by: User | None = None) -> int:
    """What anybody, or this person, said; the pairs that were found show again. A pair that was
    said before it was ever compared is compared by `find`."""
    done = 0
    for first, second in said:
        rows = NotTheSame.objects.filter(first=first, second=second)
        done += (rows.filter(said_by=by) if by else rows).delete()[0]
    checksums = set(itertools.chain.from_iterable(said))
    Comparison.objects.filter(asset__checksum__in=checksums).delete()
    return done
