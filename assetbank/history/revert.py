"""Undo a single change, if nobody has changed the same fields since."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model

from assetbank.errors import InvalidAsset
from assetbank.history.changes import TAGS, Change, find_change, tracked_fields


def reverted_values(
    row: Model, change: Change, *, allowed: Collection[str] | None = None
) -> dict[str, Any]:
    """Return the values of fields before a change, to be set again.

    `allowed` names the fields that can be undone; None: all. For tags, which are a list each of
    those to add and to remove, the value is a pair. Raises InvalidAsset if there is nothing to
    undo, or a field has been changed since.
    """
    if change.action != "changed":
        raise InvalidAsset("Only changes of fields can be undone.")
    fields = [each for each in change.fields if allowed is None or each.name in allowed]
    if not fields:
        raise InvalidAsset("This change cannot be undone here: it has an action of its own.")
    names = tracked_fields(type(row))
    current = type(row)._base_manager.filter(pk=row.pk).values(*names).first() or {}
    values: dict[str, Any] = {}
    for each in fields:
        if each.name == TAGS:
            values[TAGS] = (each.before, each.after)
            continue
        column = row._meta.get_field(each.name).attname  # type: ignore[union-attr]
        if current.get(column) != each.after:
            raise InvalidAsset(
                f"{each.label} has been changed again since. Undo the later change first."
            )
        values[column] = each.before
    return values


@transaction.atomic
def revert_change(*, row: Model, change_id: str) -> None:
    """Undo a change of a row that has no rules of its own: not of an asset.

    Raises InvalidAsset, also if the earlier values are no longer valid.
    """
    locked = type(row)._base_manager.select_for_update().filter(pk=row.pk).first()
    if locked is None:
        raise InvalidAsset(f"“{row}” was deleted, so its changes cannot be undone.")
    change = find_change(locked, change_id)
    if change is None:
        raise InvalidAsset("This change does not exist.")
    values = reverted_values(locked, change)
    for name, value in values.items():
        setattr(locked, name, value)
    try:
        locked.full_clean(validate_unique=True)
    except ValidationError as error:
        raise InvalidAsset(f"The earlier value is no longer valid: {error.messages[0]}") from error
    names = [f.name for f in locked._meta.concrete_fields if f.attname in values]
    locked.save(update_fields=names)
