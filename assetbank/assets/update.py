"""Change assets: every change to an asset's row goes through here.

Assets in the trash are changed, too: terms and withdrawals of their sources bind them there.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.db import transaction

from assetbank import hooks
from assetbank.assets import fields as asset_fields
from assetbank.assets.files import delete_after_commit, read_original
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
    """Change an asset's tags and `fields` (of `asset_fields.EDITABLE`); its bytes never change.

    `withdrawing` is for the withdrawal of usage rights and for lifting it: only they move an asset
    into quarantine or out of it. `deciding` is for decisions and for undoing a merge: only they
    approve an asset. Terms that become stricter are propagated to the assets made from this one.

    Raises:
        InvalidAsset: a value is invalid, or may not be set here; the message says why.
        AssetGone: the asset was deleted in the meantime.
    """
    before = Asset.all_objects.select_for_update().filter(pk=asset.pk).first()
    if before is None:  # saving would create the row again
        raise AssetGone(f"“{asset}” was deleted in the meantime.")
    status = fields.get("status", before.status)
    asset_fields.check_status(before, status, withdrawing=withdrawing, deciding=deciding)
    asset_fields.assign_fields(asset, fields)
    after = copy.copy(before)  # other fields of `asset` may be out of date
    for name in fields:
        setattr(after, name, getattr(asset, name))
    _check_bounds(before, after)
    if before.digital_source_type in MADE_WITH_AI and after.digital_source_type not in MADE_WITH_AI:
        data = read_original(before)
        check_source_type_claim(data, images.examine(data), after.digital_source_type)
    if tags is not None:
        asset.tags.set(clean_tags(tags))
        asset.__dict__.pop("annotated_tags", None)
    # Only these fields, so that concurrent changes to others are not overwritten
    asset.save(update_fields=[*fields, "updated_at"])
    if fields.get("digital_source_type", before.digital_source_type) != before.digital_source_type:
        delete_after_commit(list(map(before.rendition_path, images.RENDITIONS)))
    propagate_terms(before, after)
    return asset


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
