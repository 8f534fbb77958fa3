"""Undo a single change of an asset."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from assetbank import permissions
from assetbank.assets import fields as asset_fields
from assetbank.assets.update import update_asset
from assetbank.errors import AssetGone, InvalidAsset
from assetbank.history import Change, find_change, reverted_values
from assetbank.models import Asset

# The status, the file and the trash are changed back by actions of their own
UNDOABLE = (asset_fields.EDITABLE - {"status"}) | {"tags"}


def can_undo(change: Change) -> bool:
    """Return whether `undo_change` may undo a change, unless its fields were changed since."""
    return change.action == "changed" and any(each.name in UNDOABLE for each in change.fields)


@transaction.atomic
def undo_change(*, asset: Asset, change_id: str, by: User) -> Asset:
    """Set the fields and tags of a change back to what they were, by the rules of any change.

    Fields that have an action of their own (the status, the file) stay as they are.

    Raises:
        NotAllowed: `by` is not an editor of the brand.
        InvalidAsset: there is no such change, its fields were changed again since, or the rules
            forbid it; the message says which.
        AssetGone: the asset was deleted in the meantime.
    """
    locked = Asset.objects.select_for_update(of=("self",)).select_related("brand")
    current = locked.filter(pk=asset.pk).first()
    if current is None:
        raise AssetGone(f"“{asset}” was deleted in the meantime.")
    permissions.require_editor(by, current.brand)
    change = find_change(current, change_id)
    if change is None:
        raise InvalidAsset("This change does not exist.")
    values = reverted_values(current, change, allowed=UNDOABLE)
    tags = _tags(current, values.pop("tags", None))
    return update_asset(asset=current, tags=tags, **values)


def _tags(asset: Asset, change: tuple[list[str], list[str]] | None) -> list[str] | None:
    """Return the asset's tags without the added ones and with the removed ones."""
    if change is None:
        return None
    removed, added = change
    kept: list[Any] = [name for name in asset.tag_names if name not in added]
    return kept + [name for name in removed if name not in kept]
