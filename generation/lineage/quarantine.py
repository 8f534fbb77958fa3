"""Quarantine: assets held back by a withdrawal, each with its earlier status."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from assetbank import permissions
from assetbank.assets import update_asset
from assetbank.models import Asset
from generation.models import Quarantine, Withdrawal


def active_quarantines(assets: Iterable[Asset]) -> QuerySet[Quarantine]:
    """Return the quarantines of these assets whose withdrawal has not been lifted."""
    rows = Quarantine.objects.filter(asset__in=assets, withdrawal__lifted_at=None)
    return rows.select_related("withdrawal__asset").order_by("pk")


def visible_withdrawals(rows: Iterable[Withdrawal], person: permissions.AnyUser) -> set[int]:
    """Return the ids of the withdrawals whose source `person` may view, or could have viewed before
    it was deleted."""
    deleted = Q(asset=None, brand__in=permissions.brands(person, *permissions.EDITORS))
    known = Withdrawal.objects.filter(Q(asset__in=permissions.assets(person)) | deleted)
    return set(known.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))


def quarantine(asset: Asset, withdrawal: Withdrawal) -> None:
    """Quarantine an asset because of a withdrawal; the caller has locked its row.

    If it already is in quarantine, the status before the first withdrawal is kept.
    """
    first = active_quarantines([asset]).first()
    Quarantine.objects.get_or_create(
        withdrawal=withdrawal,
        asset=asset,
        defaults={"status_before": first.status_before if first else asset.status},
    )
    if asset.status != Asset.Status.QUARANTINED:
        update_asset(asset=asset, status=Asset.Status.QUARANTINED, withdrawing=True)


def quarantine_if_withdrawn(asset: Asset, sources: Iterable[Asset], deleted: Iterable[str]) -> None:
    """Quarantine a new asset if one of its sources is in quarantine, or was withdrawn and then
    deleted.

    `deleted` are the checksums of its deleted sources.
    """
    used = Q(quarantined__asset__in=sources) | Q(asset=None, checksum__in=deleted)
    for withdrawal in Withdrawal.objects.filter(used, lifted_at=None).distinct():
        quarantine(asset, withdrawal)


def release_quarantined(withdrawal: Withdrawal) -> list[Asset]:
    """Restore the earlier status of the assets that this withdrawal and no other one holds back,
    and return them."""
    rows = list(withdrawal.quarantined.order_by("asset_id"))
    pks = [row.asset_id for row in rows]
    assets = Asset.all_objects.select_for_update().order_by("pk").in_bulk(pks)
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
