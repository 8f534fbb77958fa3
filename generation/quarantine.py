"""Pictures that a withdrawal puts aside, each with the status that it had."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from assetbank import intake
from assetbank.models import Asset
from generation.models import Quarantine, Withdrawal


def active(assets: Iterable[Asset]) -> QuerySet[Quarantine]:
    """Rows of withdrawals that nobody has lifted."""
    rows = Quarantine.objects.filter(asset__in=assets, withdrawal__lifted_at=None)
    return rows.select_related("withdrawal__asset").order_by("pk")


def forsaken(asset: Asset) -> bool:
    """In quarantine because of a source that was deleted since."""
    return asset.status == Asset.Status.QUARANTINED and not active([asset]).exists()


def put_aside(asset: Asset, withdrawal: Withdrawal) -> None:
    """The row of `asset` should be locked. It may be in quarantine for another reason already."""
    first = active([asset]).first()
    Quarantine.objects.get_or_create(
        withdrawal=withdrawal,
        asset=asset,
        defaults={"status_before": first.status_before if first else asset.status},
    )
    if asset.status != Asset.Status.QUARANTINED:
        intake.update(asset=asset, status=Asset.Status.QUARANTINED, withdrawing=True)


def join(asset: Asset, made_of: Iterable[Asset]) -> None:
    """A picture that arrives when something that it is made of is in quarantine already."""
    for withdrawal in Withdrawal.objects.filter(
        lifted_at=None, quarantined__asset__in=made_of
    ).distinct():
        put_aside(asset, withdrawal)


def release(withdrawal: Withdrawal) -> list[Asset]:
    """What nothing else holds back has its status of before again; the others stay aside."""
    rows = list(withdrawal.quarantined.order_by("asset_id"))
    pks = [row.asset_id for row in rows]
    assets = Asset.objects.select_for_update().order_by("pk").in_bulk(pks)
    held = set(
        active(assets.values()).exclude(withdrawal=withdrawal).values_list("asset", flat=True)
    )
    released = []
    for row in rows:
        asset = assets.get(row.asset_id)
        if asset and asset.pk not in held and asset.status == Asset.Status.QUARANTINED:
            released.append(intake.update(asset=asset, status=row.status_before, withdrawing=True))
    return released
