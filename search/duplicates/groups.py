"""Groups of duplicate images, best copy first.

A group is a connected set of pairs, strongest pair first, but never contains two images that were
dismissed as different: an image that matches both joins the one it matches more strongly. The other
forms a group again once that one is merged or dismissed.
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
from search.models import DuplicateDismissal, DuplicatePair

PER_PAGE = 20
MAX_PAIRS = 10_000  # newest pairs; older ones show once these are merged or dismissed
MAX_CONNECTED = 200  # assets reached from one asset
MAX_SHOWN = 24  # images of a group; the others show once these are merged

STATUSES = [
    Asset.Status.APPROVED,
    Asset.Status.DRAFT,
    Asset.Status.ARCHIVED,
    Asset.Status.QUARANTINED,
]


@dataclass(frozen=True)
class Group:
    """Duplicate assets; `size` counts all of them, `assets` holds at most MAX_SHOWN."""

    assets: list[Asset]  # best copy first
    reason: str  # why it is the best
    size: int  # including assets that are not shown

    @property
    def best(self) -> Asset:
        return self.assets[0]

    @property
    def more(self) -> int:
        return self.size - len(self.assets)


@dataclass(frozen=True)
class Page:
    """One page of groups of duplicates, and the number of all groups."""

    groups: list[Group]
    total: int
    next: int | None = None  # value of `before` for the next page
    more: bool = False  # there are more groups than could be counted


class Pair(NamedTuple):
    """Two matching assets with their checksums."""

    pk: int
    score: float
    first: int
    second: int
    first_checksum: str
    second_checksum: str


@dataclass
class _Cluster:
    """Assets that pairs connect, by id: a `Group` before its assets are fetched."""

    assets: set[int]
    checksums: set[str]
    dismissed: set[str]  # checksums that were dismissed as duplicates of these
    newest: int = 0  # id of the newest pair, by which groups are ordered


VisibleAssets = AssetQuerySet | None


def visible_assets(person: permissions.AnyUser) -> VisibleAssets:
    """Return the assets that the user may see, as the argument `visible` in this module.

    None for a user who sees all assets of their brands: then no subquery is needed.
    """
    reach = permissions.asset_scope(person)
    return reach.assets() if reach.approved_in else None


def page(
    brands: QuerySet[Brand],
    *,
    visible: VisibleAssets = None,
    before: int | None = None,
    limit: int = PER_PAGE,
) -> Page:
    """Return one page of groups, newest first.

    `before` is `next` of the previous page, so that merges in the meantime leave no gap. Needs as
    many queries as a single group.
    """
    pairs = _pairs(brands, visible)
    sets = _clusters(pairs, brands)
    start = bisect.bisect_right(sets, -before, key=lambda each: -each.newest) if before else 0
    shown = sets[start : start + limit]
    following = shown[-1].newest if start + limit < len(sets) else None
    return Page(_groups(shown), len(sets), following, len(pairs) == MAX_PAIRS)


def count(brands: QuerySet[Brand], *, visible: VisibleAssets = None) -> int:
    """Return the number of groups of duplicates in these brands."""
    return len(_clusters(_pairs(brands, visible), brands))


def group_of(asset: Asset, *, visible: VisibleAssets = None) -> Group | None:
    """Return the group of duplicates that contains the asset, or None.

    Takes a single query for an asset without duplicates.
    """
    brands = Brand.objects.filter(pk=asset.brand_id)
    connected: list[Pair] = []
    reached, last = {asset.pk}, {asset.pk}
    while last and len(reached) < MAX_CONNECTED:
        connected += _pairs(brands, visible, of=last)
        found = {pk for pair in connected for pk in (pair.first, pair.second)}
        last, reached = found - reached, reached | found
    if not connected:
        return None
    own = [each for each in _clusters(list(set(connected)), brands) if asset.pk in each.assets]
    groups = _groups(own)
    return groups[0] if groups else None


def _pairs(
    brands: QuerySet[Brand], visible: VisibleAssets, *, of: set[int] | None = None
) -> list[Pair]:
    """Return the newest pairs of the brands, or of the assets `of`, without archived assets and
    those in the trash."""
    pairs = (
        DuplicatePair.objects.filter(
            brand__in=brands,
            first__brand=F("brand"),
            second__brand=F("brand"),
            first__deleted_at=None,
            second__deleted_at=None,
        )
        .exclude(first__status=Asset.Status.ARCHIVED)
        .exclude(second__status=Asset.Status.ARCHIVED)
        .order_by("-pk")
    )
    if visible is not None:
        pairs = pairs.filter(first__in=visible, second__in=visible)
    if of is not None:
        pairs = pairs.filter(Q(first__in=of) | Q(second__in=of))
    fields = ("pk", "score", "first_id", "second_id", "first__checksum", "second__checksum")
    return [Pair(*row) for row in pairs.values_list(*fields)[:MAX_PAIRS]]


def _clusters(pairs: Sequence[Pair], brands: QuerySet[Brand]) -> list[_Cluster]:
    """Return the sets of assets that the pairs connect, the set with the newest pair first.

    Pairs are added in the order of their scores, the strongest first. A pair is left out if it
    would put two images into one set that users have dismissed as different from each other.
    """
    dismissed = _dismissed(brands) if pairs else {}
    sets: dict[int, _Cluster] = {}
    for pair in sorted(pairs, key=lambda pair: (-pair.score, pair.pk)):
        first, second = (
            sets.get(pk) or _Cluster({pk}, {checksum}, dismissed.get(checksum, set()))
            for pk, checksum in (
                (pair.first, pair.first_checksum),
                (pair.second, pair.second_checksum),
            )
        )
        if first.checksums & second.dismissed:
            continue
        united = _Cluster(
            first.assets | second.assets,
            first.checksums | second.checksums,
            first.dismissed | second.dismissed,
            max(first.newest, second.newest, pair.pk),
        )
        sets |= dict.fromkeys(united.assets, united)
    distinct = {id(each): each for each in sets.values()}.values()
    return sorted(distinct, key=lambda each: -each.newest)


def _dismissed(brands: QuerySet[Brand]) -> dict[str, set[str]]:
    """Return, by checksum, the checksums of images that users dismissed as its duplicates."""
    ours = Asset.objects.filter(brand__in=brands)
    dismissals = DuplicateDismissal.objects.filter(
        Exists(ours.filter(checksum=OuterRef("first"))),
        Exists(ours.filter(checksum=OuterRef("second"))),
    )
    dismissed: dict[str, set[str]] = {}
    for first, second in dismissals.values_list("first", "second"):
        dismissed.setdefault(first, set()).add(second)
        dismissed.setdefault(second, set()).add(first)
    return dismissed


def _groups(sets: Sequence[_Cluster]) -> list[Group]:
    """Return a group for each set that has two or more existing assets; all are fetched in one
    query."""
    ids = itertools.chain.from_iterable(each.assets for each in sets)
    assets = Asset.objects.with_tags().select_related("brand", "created_by").in_bulk(ids)
    groups = []
    for each in sets:
        existing = sorted((assets[pk] for pk in each.assets if pk in assets), key=_rank)
        if len(existing) > 1:
            groups.append(Group(existing[:MAX_SHOWN], _reason(*existing[:2]), len(existing)))
    return groups


def _rank(asset: Asset) -> tuple[float, ...]:
    """Sort key, lowest for the best copy: pixels, rights, status, bytes, age.

    More bytes come first, since less was lost in compression.
    """
    rights = 2 if asset.expired else 0 if asset.licence else 1
    pixels = asset.width * asset.height
    age = asset.created_at.timestamp()
    return -pixels, rights, STATUSES.index(Asset.Status(asset.status)), -asset.bytes, age, asset.pk


def _reason(best: Asset, second: Asset) -> str:
    """Return the first criterion by which `best` beats the second-best copy, as a sentence."""
    pairs = zip(_rank(best), _rank(second), strict=True)
    first = next(place for place, (one, other) in enumerate(pairs) if one != other)
    return (
        f"Largest: {best.width} \N{MULTIPLICATION SIGN} {best.height}",
        "Usage rights valid" if second.expired else "Licence recorded",
        "Approved",
        f"Largest file: {filesizeformat(best.bytes)}",
        "Added first",
        "Added first",
    )[first]
