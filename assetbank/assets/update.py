"""The only way into the library, and the only way to change or remove what is in it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.db import transaction

from assetbank import hooks
from assetbank.assets import fields as editing
from assetbank.assets.files import _delete_after_commit, read_original
from assetbank.errors import AssetGone, InvalidAsset
from assetbank.media import images
from assetbank.models import Asset
from assetbank.rights import MADE_WITH_AI, check_source_type_claim, terms
from assetbank.text import clean_tags

logger = logging.getLogger(__name__)


@transaction.atomic
def update_asset(
    *,
    asset: Asset,
    tags: Iterable[str] | None = None,
    withdrawing: bool = False,
    deciding: bool = False,
    **fields: Any,
) -> Asset:
    """Change what is said about an asset (`editing.EDITABLE` and tags); the bytes never change.

    Only withdrawing a right, and lifting that again, puts it into quarantine or takes it out; only
    `approval`, and what takes a step back, approves it. Raises InvalidAsset and AssetGone.
    """
    before = Asset.objects.select_for_update().filter(pk=asset.pk).first()
    if before is None:
        raise AssetGone(f"“{asset}” was deleted meanwhile.")  # and saving would bring it back
    status = fields.get("status", before.status)
    editing.check_status(before, status, withdrawing=withdrawing, deciding=deciding)
    editing.assign_fields(asset, fields)
    after = copy.copy(before)  # what `asset` says of other fields may be of long ago
    for name in fields:
        setattr(after, name, getattr(asset, name))
    _check_bounds(before, after)
    if before.digital_source_type in MADE_WITH_AI and after.digital_source_type not in MADE_WITH_AI:
        data = read_original(before)
        check_source_type_claim(data, images.examine(data), after.digital_source_type)
    if tags is not None:
        asset.tags.set(clean_tags(tags))
        asset.__dict__.pop("annotated_tags", None)
    # only these: what somebody else changed since the asset was read stays
    asset.save(update_fields=[*fields, "updated_at"])
    if fields.get("digital_source_type", before.digital_source_type) != before.digital_source_type:
        _delete_after_commit(list(map(before.rendition_path, images.RENDITIONS)))
    propagate_terms(before, after)
    return asset


def _check_bounds(before: Asset, after: Asset) -> None:
    """Raises InvalidAsset."""
    if not terms.loosening_error(before, after, [before]):
        return  # nothing is loosened: mostly so, and what it is made of need not be looked up
    made_of = list(chain.from_iterable(hooks.term_bounds(before)))
    if made_of and (problem := terms.loosening_error(before, after, made_of)):
        raise InvalidAsset(problem)


def propagate_terms(before: Asset, after: Asset) -> None:
    """What was made of `after` may be used no more than it, if `before` could be used more."""
    if stricter := terms.tightened_terms(before, after):
        hooks.terms_tightened(after, stricter)


@transaction.atomic
def delete_asset(*, asset: Asset) -> None:
    """Delete an asset; its files go when the transaction has committed."""
    paths = {
        asset.path,
        *map(asset.rendition_path, images.RENDITIONS),
        *map(asset.rendition_path_before, images.RENDITIONS),
    }
    asset.delete()
    _delete_after_commit(paths)
