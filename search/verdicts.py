"""What people say of pictures that look the same: that they are not. It is about their bytes, so it
outlives assets, indexes and encoders; it can be taken back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.db import transaction

from assetbank.errors import InvalidAsset
from assetbank.models import Asset
from search.models import Comparison, NotTheSame


def given(checksums: Iterable[str]) -> set[frozenset[str]]:
    """Pairs of these that somebody said are not the same."""
    known = list(checksums)
    said = NotTheSame.objects.filter(first__in=known, second__in=known)
    return {frozenset(pair) for pair in said.values_list("first", "second")}


def tell_apart(
    assets: Sequence[Asset], *, by: User, one: Asset | None = None
) -> list[tuple[str, str]]:
    """Each of these is another picture than each other one, or than `one`, if that is given.
    Returns what was new, as checksums, for `take_back`. Raises InvalidAsset."""
    assets = list({asset.pk: asset for asset in assets}.values())
    pairs = itertools.combinations(assets, 2)
    chosen = [pair for pair in pairs if one is None or one in pair]
    if not chosen:
        raise InvalidAsset("It takes two pictures to say that they are not the same.")
    if len({asset.brand_id for asset in assets}) > 1:
        raise InvalidAsset("Only pictures of one brand are compared.")
    said = [sorted((first.checksum, second.checksum)) for first, second in chosen]
    known = given(asset.checksum for asset in assets)
    new = [(first, second) for first, second in said if frozenset((first, second)) not in known]
    NotTheSame.objects.bulk_create(
        [NotTheSame(first=first, second=second, said_by=by) for first, second in new],
        ignore_conflicts=True,
    )
    return new


@transaction.atomic
def take_back(said: Sequence[tuple[str, str]], *, by: User) -> int:
    """What this person said; the pairs that were found show again. A pair that was said before it
    was ever compared is compared by `find`."""
    done = 0
    for first, second in said:
        done += NotTheSame.objects.filter(first=first, second=second, said_by=by).delete()[0]
    checksums = set(itertools.chain.from_iterable(said))
    Comparison.objects.filter(asset__checksum__in=checksums).delete()
    return done
