"""Change assets: every change to an asset's row goes through here.

Assets in the trash are changed, too: terms and withdrawals of their sources bind them there.
"""

from __future__ import annotations

import copy
import datetime
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from assetbank import hooks, permissions
from assetbank.assets import collections
from assetbank.assets import fields as asset_fields
from assetbank.assets.files import delete_after_commit, read_original
from assetbank.assets.metadata import custom_fields, from_file, says_nothing, title_for
from assetbank.errors import AssetGone, InvalidAsset
from assetbank.history import Change, find_change, reverted_values
from assetbank.media import decoder, images
from assetbank.models import Asset, Collection
from assetbank.rights import MADE_WITH_AI, check_source_type_claim, terms
from assetbank.text import clean_tags, clean_text

logger = logging.getLogger(__name__)

# The status, the file and the trash are changed back by actions of their own
UNDOABLE = (asset_fields.EDITABLE - {"status"}) | {"tags"}

DEFAULTS = Asset()  # a new asset's fields
EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True)
class Added:
    """Tags, collection and fields that were added to an existing asset; false if nothing was."""

    tags: tuple[str, ...] = ()
    collection: Collection | None = None
    fields: tuple[str, ...] = ()  # names

    def __bool__(self) -> bool:
        return bool(self.tags or self.collection or self.fields)


@transaction.atomic
def update_asset(
    *,
    asset: Asset,
    tags: Iterable[str] | None = None,
    withdrawing: bool = False,
    deciding: bool = False,
    **fields: Any,
) -> Asset:
    """Change an asset's tags and `fields` (of `asset_fields.EDITABLE`); its bytes never change.

    `custom` has values of custom fields by name; they are merged into its own, None removes one.
    `withdrawing` is for the withdrawal of usage rights and for lifting it: only they move an asset
    into quarantine or out of it. `deciding` is for decisions and for undoing a merge: only they
    approve an asset. Terms that become stricter are propagated to the assets made from this one.

    Raises:
        InvalidAsset: a value is invalid, or may not be set here; the message says why.
        AssetGone: the asset was deleted in the meantime.
    """
    before = _locked(asset)
    if "custom" in fields:
        before.brand = asset.brand
        fields["custom"] = custom_fields.merge_values(before, fields["custom"])
    status = fields.get("status", before.status)
    asset_fields.check_status(before, status, withdrawing=withdrawing, deciding=deciding)
    names = asset_fields.assign_fields(asset, fields)
    after = copy.copy(before)  # other fields of `asset` may be out of date
    for name in names:
        setattr(after, name, getattr(asset, name))
    _check_bounds(before, after)
    _check_source_type(before, after)
    if tags is not None:
        asset.tags.set(clean_tags(tags))
        asset.__dict__.pop("annotated_tags", None)
    # Only these fields, so that concurrent changes to others are not overwritten
    asset.save(update_fields=[*names, "updated_at"])
    if fields.get("digital_source_type", before.digital_source_type) != before.digital_source_type:
        delete_after_commit(list(map(before.rendition_path, images.RENDITIONS)))
    propagate_terms(before, after)
    return asset


@transaction.atomic
def complete_asset(
    *,
    asset: Asset,
    tags: Iterable[str] = (),
    collection: Collection | None = None,
    overwrite: bool = False,
    **fields: Any,
) -> Added:
    """Add to an asset what its file came with when it came again; return what is new.

    Tags are united. `fields` (of `asset_fields.EDITABLE`) are set where the asset has none or the
    default, and with `overwrite` everywhere; the status never. Raises as `update_asset` does.
    """
    _locked(asset)
    names = sorted(asset.tags.names())
    present = {name.upper().lower() for name in names}
    new_tags = [name for name in clean_tags(tags) if name.upper().lower() not in present]
    changes = {
        name: new
        for name, value in fields.items()
        if name != "status" and (new := _completed(asset, name, value, overwrite)) is not None
    }
    for name, other in from_file.PAIRS.items():
        if name in changes and other not in changes:
            del changes[name]  # it belongs to the other's value, which stays
    if new_tags or changes:
        update_asset(asset=asset, tags=[*names, *new_tags] if new_tags else None, **changes)
    if collection and not collection.items.filter(asset=asset).exists():
        collections.add_assets(collection=collection, assets=[asset])
    else:
        collection = None
    return Added(tuple(new_tags), collection, tuple(changes))


def _completed(asset: Asset, name: str, value: Any, overwrite: bool) -> Any:
    """Return the new value of a field; None if the present one stays."""
    if name not in asset_fields.EDITABLE:
        return value  # update_asset refuses it
    present, value = getattr(asset, name), clean_text(value) if isinstance(value, str) else value
    if name == "custom":
        missing = {key: each for key, each in value.items() if overwrite or key not in present}
        return {k: v for k, v in missing.items() if v not in EMPTY and v != present.get(k)} or None
    if value in EMPTY or value == present:
        return None
    unsaid = present in (None, getattr(DEFAULTS, name)) or (
        name == "title" and (says_nothing(present) or present == title_for(asset.filename))
    )
    return value if overwrite or unsaid else None


def _locked(asset: Asset) -> Asset:
    """Return the asset's row, locked. Raises AssetGone: saving would create it again."""
    if row := Asset.all_objects.select_for_update().filter(pk=asset.pk).first():
        return row
    raise AssetGone(f"“{asset}” was deleted in the meantime.")


def _check_source_type(before: Asset, after: Asset) -> None:
    """Raise InvalidAsset if the change denies what the file says of how it was made."""
    if before.digital_source_type in MADE_WITH_AI and after.digital_source_type not in MADE_WITH_AI:
        data = read_original(before)
        check_source_type_claim(data, decoder.examine(data), after.digital_source_type)


def _check_bounds(before: Asset, after: Asset) -> None:
    """Raise InvalidAsset if the change loosens terms beyond those of the asset's sources."""
    if not terms.loosening_error(before, after, [before]):
        return  # the usual case: nothing is loosened, so the sources need not be queried
    sources = list(chain.from_iterable(hooks.term_bounds(before)))
    if sources and (problem := terms.loosening_error(before, after, sources)):
        raise InvalidAsset(problem)


def propagate_terms(before: Asset, after: Asset) -> None:
    """Call `hooks.terms_tightened` if the terms of `after` are stricter than those of `before`."""
    if stricter := terms.tightened_terms(before, after):
        hooks.terms_tightened(after, stricter)


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
    before = {each.name: each.before for each in change.fields}
    if "custom" in values:  # they are merged into those of today, and None removes one
        values["custom"] = {**dict.fromkeys(current.custom), **before["custom"]}
    if (taken := values.get("captured_at")) is not None:
        offset = before.get("captured_offset", current.captured_offset)
        if offset is not None:
            zone = datetime.timezone(datetime.timedelta(minutes=offset))
            values["captured_at"] = taken.astimezone(zone)
    return update_asset(asset=current, tags=tags, **values)


def _tags(asset: Asset, change: tuple[list[str], list[str]] | None) -> list[str] | None:
    """Return the asset's tags without the added ones and with the removed ones."""
    if change is None:
        return None
    removed, added = change
    kept: list[Any] = [name for name in asset.tag_names if name not in added]
    return kept + [name for name in removed if name not in kept]
