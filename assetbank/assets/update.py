"""Change and delete assets. Every change to an asset's row goes through here."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from itertools import chain
from typing import Any

from django.db import transaction

from assetbank import hooks
from assetbank.assets import fields as asset_fields
from assetbank.assets import rendered
from assetbank.assets.files import delete_after_commit, path_without_location, read_original
from assetbank.assets.metadata import custom_fields
from assetbank.errors import AssetGone, InvalidAsset
from assetbank.media import decoder, images
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
    """Change an asset's tags and `fields` (of `asset_fields.EDITABLE`; values of `custom` are
    merged into its own, None removes one); its bytes never change.

    `withdrawing` is for the withdrawal of usage rights and for lifting it: only they move an asset
    into quarantine or out of it. `deciding` is for decisions and for undoing a merge: only they
    approve an asset. Terms that become stricter are propagated to the assets made from this one.

    Raises:
        InvalidAsset: a value is invalid, or may not be set here; the message says why.
        AssetGone: the asset was deleted in the meantime.
    """
    before = Asset.objects.select_for_update().filter(pk=asset.pk).first()
    if before is None:  # saving would create the row again
        raise AssetGone(f"“{asset}” was deleted in the meantime.")
    _merge_custom(before, asset, fields)
    status = fields.get("status", before.status)
    asset_fields.check_status(before, status, withdrawing=withdrawing, deciding=deciding)
    names = asset_fields.assign_fields(asset, fields)
    after = copy.copy(before)  # other fields of `asset` may be out of date
    for name in names:
        setattr(after, name, getattr(asset, name))
    _check_bounds(before, after)
    _check_claim(before, after)
    if tags is not None:
        asset.tags.set(clean_tags(tags))
        asset.__dict__.pop("annotated_tags", None)
    # Only these fields, so that concurrent changes to others are not overwritten
    asset.save(update_fields=[*names, "updated_at"])
    if fields.get("digital_source_type", before.digital_source_type) != before.digital_source_type:
        delete_after_commit(list(map(before.rendition_path, images.RENDITIONS)))
    propagate_terms(before, after)
    return asset


def _check_claim(before: Asset, after: Asset) -> None:
    """Raise InvalidAsset if the asset loses its mark as made with AI, and its file has one."""
    if before.digital_source_type in MADE_WITH_AI and after.digital_source_type not in MADE_WITH_AI:
        data = read_original(before)
        check_source_type_claim(data, decoder.examine(data), after.digital_source_type)


def _merge_custom(before: Asset, asset: Asset, fields: dict[str, Any]) -> None:
    """Merge the given values of custom fields into those that the asset has by now."""
    if "custom" in fields:
        before.brand = asset.brand
        fields["custom"] = custom_fields.merge_values(before, fields["custom"])


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


@transaction.atomic
def delete_asset(*, asset: Asset) -> None:
    """Delete an asset; its files are deleted when the transaction has committed."""
    paths = {
        asset.path,
        path_without_location(asset),
        *map(asset.rendition_path, images.RENDITIONS),
        *map(asset.rendition_path_without_source_type, images.RENDITIONS),
        *rendered.paths(asset.checksum),
        *chain.from_iterable(map(asset.outdated_rendition_paths, images.RENDITIONS)),
    }
    asset.delete()
    delete_after_commit(paths)
