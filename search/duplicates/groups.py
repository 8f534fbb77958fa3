"""Groups of pictures that look the same, best copy first.

A group is what pairs connect, strongest pair first, except that no two pictures are in one group
of which somebody said that they are not the same: between two such pictures, one that looks like
both goes with the one it looks like more. The other is a group again when that is merged or said.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.template.defaultfilters import filesizeformat

from assetbank import permissions
from assetbank.models import Asset, AssetQuerySet, Brand
from search.models import Likeness, NotTheSame

PER_PAGE = 20
MAX_PAIRS = 10_000  # the newest; what is older shows when these are dealt with
MAX_CONNECTED = 200  # assets, around one
MAX_SHOWN = 24  # pictures of a group; the others show when these are merged

STATUSES = [
    Asset.Status.APPROVED,
    Asset.Status.DRAFT,
    Asset.Status.ARCHIVED,
    Asset.Status.QUARANTINED,
]


@dataclass(frozen=True)
class Group:
    assets: list[Asset]  # best copy first
    reason: str  # why it is the best
    size: int  # with those that are not shown

    @property
    def best(self) -> Asset:
        return self.assets[0]

    @property
    def more(self) -> int:
        return self.size - len(self.assets)


@dataclass(frozen=True)
class Page:
    groups: list[Group]
    total: int
    next: int | None = None  # `before` of the next page
    more: bool = False  # there are more groups than could be counted


class Pair(NamedTuple):
    pk: int
    score: float
    first: int
    second: int
    first_checksum: str
    second_checksum: str


@dataclass
class _Set:
    """Assets on their way to a group."""

    assets: set[int]
    checksums: set[str]
    others: set[str]  # checksums of what is not the same as one of these
    newest: int = 0  # pair; the group's place


Seen = AssetQuerySet | None


def seen_by(person: permissions.AnyUser) -> Seen:
    """What `page`, `count` and `group_of` should keep to. None for a person who sees all of their
    brands, since asking costs."""
    reach = permissions.asset_scope(person)
    return reach.assets() if reach.approved else None


def page(
    brands: QuerySet[Brand],
    *,
    seen: Seen = None,
    before: int | None = None,
    limit: int = PER_PAGE,
) -> Page:
    """Newest first. `before`: `next` of the page before, so that what was merged meanwhile
    leaves no gap. As many queries as for a single group."""
    pairs = _pairs(brands, seen)
    sets = _sets(pairs, brands)
    start = bisect.bisect_right(sets, -before, key=lambda each: -each.newest) if before else 0
    shown = sets[start : start + limit]
    following = shown[-1].newest if start + limit < len(sets) else None
    return Page(_groups(shown), len(sets), following, len(pairs) == MAX_PAIRS)


def count(brands: QuerySet[Brand], *, seen: Seen = None) -> int:
    return len(_sets(_pairs(brands, seen), brands))


def group_of(asset: Asset, *, seen: Seen = None) -> Group | None:
    """The one that this asset is in. One query for an asset that looks like no other."""
    brands = Brand.objects.filter(pk=asset.brand_id)
    connected: list[Pair] = []
    reached, last = {asset.pk}, {asset.pk}
    while last and len(reached) < MAX_CONNECTED:
        connected += _pairs(brands, seen, of=last)
        found = {pk for pair in connected for pk in (pair.first, pair.second)}
        last, reached = found - reached, reached | found
    if not connected:
        return None
    mine = [each for each in _sets(list(set(connected)), brands) if asset.pk in each.assets]
    groups = _groups(mine)
    return groups[0] if groups else None


def _pairs(brands: QuerySet[Brand], seen: Seen, *, of: set[int] | None = None) -> list[Pair]:
    """Those of the brands, or those of these assets, that are not archived."""
    pairs = (
        Likeness.objects.filter(brand__in=brands, first__brand=F("brand"), second__brand=F("brand"))
        .exclude(first__status=Asset.Status.ARCHIVED)
        .exclude(second__status=Asset.Status.ARCHIVED)
        .order_by("-pk")
    )
    if seen is not None:
        pairs = pairs.filter(first__in=seen, second__in=seen)
    if of is not None:
        pairs = pairs.filter(Q(first__in=of) | Q(second__in=of))
    fields = ("pk", "score", "first_id", "second_id", "first__checksum", "second__checksum")
    return [Pair(*row) for row in pairs.values_list(*fields)[:MAX_PAIRS]]


def _sets(pairs: Sequence[Pair], brands: QuerySet[Brand]) -> list[_Set]:
    apart = _apart(brands) if pairs else {}
    sets: dict[int, _Set] = {}
    for pair in sorted(pairs, key=lambda pair: (-pair.score, pair.pk)):
        ours, theirs = (
            sets.get(pk) or _Set({pk}, {checksum}, apart.get(checksum, set()))
            for pk, checksum in (
                (pair.first, pair.first_checksum),
                (pair.second, pair.second_checksum),
            )
        )
        if ours.checksums & theirs.others:
            continue
        united = _Set(
            ours.assets | theirs.assets,
            ours.checksums | theirs.checksums,
            ours.others | theirs.others,
            max(ours.newest, theirs.newest, pair.pk),
        )
        sets |= dict.fromkeys(united.assets, united)
    distinct = {id(each): each for each in sets.values()}.values()
    return sorted(distinct, key=lambda each: -each.newest)


def _apart(brands: QuerySet[Brand]) -> dict[str, set[str]]:
    """By checksum: what was said not to be the same."""
    ours = Asset.objects.filter(brand__in=brands)
    said = NotTheSame.objects.filter(
        Exists(ours.filter(checksum=OuterRef("first"))),
        Exists(ours.filter(checksum=OuterRef("second"))),
    )
    apart: dict[str, set[str]] = {}
    for first, second in said.values_list("first", "second"):
        apart.setdefault(first, set()).add(second)
        apart.setdefault(second, set()).add(first)
    return apart


def _groups(sets: Sequence[_Set]) -> list[Group]:
    """One query for all of them."""
    ids = itertools.chain.from_iterable(each.assets for each in sets)
    assets = Asset.objects.with_tags().select_related("brand", "created_by").in_bulk(ids)
    groups = []
    for each in sets:
        there = sorted((assets[pk] for pk in each.assets if pk in assets), key=_rank)
        if len(there) > 1:
            groups.append(Group(there[:MAX_SHOWN], _reason(*there[:2]), len(there)))
    return groups


def _rank(asset: Asset) -> tuple[float, ...]:
    """The lower the better: pixels, rights, status, bytes (less was lost), age."""
    rights = 2 if asset.expired else 0 if asset.licence else 1
    pixels = asset.width * asset.height
    age = asset.created_at.timestamp()
    return -pixels, rights, STATUSES.index(Asset.Status(asset.status)), -asset.bytes, age, asset.pk


def _reason(best: Asset, second: Asset) -> str:
    """The first thing in which it is better than the next one."""
    pairs = zip(_rank(best), _rank(second), strict=True)
    first = next(place for place, (one, other) in enumerate(pairs) if one != other)
    return (
        f"Largest: {best.width} \N{MULTIPLICATION SIGN} {best.height}",
        "Rights have not ended" if second.expired else "Rights are known",
        "Approved",
        f"Largest file: {filesizeformat(best.bytes)}",
        "Here first",
        "Here first",
    )[first]
