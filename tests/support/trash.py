"""Deletes assets for good in tests, as a user does over the trash."""

from __future__ import annotations

from assetbank.assets import trash
from assetbank.models import Asset


def delete_asset(*, asset: Asset) -> None:
    """Move an asset to the trash and delete it for good; the job that deletes its files waits."""
    trash.trash_assets(assets=[asset], by=None)
    trash.purge_assets(assets=[asset])
