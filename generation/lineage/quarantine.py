"""Pictures that a withdrawal puts aside, each with the status that it had."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from assetbank import permissions
from assetbank.assets import update_asset
from assetbank.models import Asset
from generation.models import Quarantine, Withdrawal


def active_quarantines(assets: Iterable[Asset]) -> QuerySet[Quarantine]:
    """Rows of withdrawals that nobody has lifted."""
    rows = Quarantine.objects.filter(asset__in=assets, withdrawal__lifted_at=None)
    return rows.select_related("withdrawal__asset").order_by("pk")


def visible_withdrawals(rows: Iterable[Withdrawal], person: permissions.AnyUser) -> set[int]:
    """Ids of those of whose source `person` may know: they may see it, or might before it was
    deleted."""
    deleted = Q(asset=None, brand__in=permissions.brands(person, *permissions.EDITORS))
    known = Withdrawal.objects.filter(Q(asset__in=permissions.assets(person)) | deleted)
    return set(known.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))


def quarantine(asset: Asset, withdrawal: Withdrawal) -> None:
    """The row of `asset` should be locked. It may be in quarantine for another reason already."""
    first = active_quarantines([asset]).first()
    Quarantine.objects.get_or_create(
        withdrawal=withdrawal,
        asset=asset,
        defaults={"status_before": first.status_before if first else asset.status},
    )
    if asset.status != Asset.Status.QUARANTINED:
        update_asset(asset=asset, status=Asset.Status.QUARANTINED, withdrawing=True)


def quarantine_if_withdrawn(asset: Asset, made_of: Iterable[Asset], deleted: Iterable[str]) -> None:
    """A picture that arrives when something that it is made of is in quarantine already, or was
    withdrawn and then deleted: of those, their checksums."""
    used = Q(quarantined__asset__in=made_of) | Q(asset=None, checksum__in=deleted)
    for withdrawal in Withdrawal.objects.filter(used, lifted_at=None).distinct():
        quarantine(asset, withdrawal)


def release_quarantined(withdrawal: Withdrawal) -> list[Asset]:
    """What nothing else holds back has its status of before again; the others stay aside."""
    rows = list(withdrawal.quarantined.order_by("asset_id"))
    pks = [row.asset_id for row in rows]
    assets = Asset.objects.select_for_update().order_by("pk").in_bulk(pks)
    held = set(
        active_quarantines(assets.values())
        .exclude(withdrawal=withdrawal)
        .values_list("asset", flat=True)
    )
    released = []
    for row in rows:
        asset = assets.get(row.asset_id)
        if asset and asset.pk not in held and asset.status == Asset.Status.QUARANTINED:
            released.append(update_asset(asset=asset, status=row.status_before, withdrawing=True))
    return released
