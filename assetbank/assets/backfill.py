"""What an asset should have since its ingest and does not: image features, metadata of its file."""

from __future__ import annotations

import logging
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from assetbank.assets.files import feature_fields, open_rendition, read_original, render_again
from assetbank.assets.metadata import from_file, says_nothing, title_for
from assetbank.assets.update import update_asset
from assetbank.errors import FileMissing, PictureRefused
from assetbank.media import decoder, images
from assetbank.media.metadata import FileMetadata
from assetbank.models import Asset, AssetQuerySet, Brand

logger = logging.getLogger(__name__)


def backfill_features(*, limit: int = 200) -> int:
    """Compute colours and perceptual hash of assets that were ingested without them.

    Handles at most `limit` assets and returns how many it updated. An image that cannot be decoded
    gets an empty list of colours, so that it is not retried.
    """
    done = 0
    # Random order, so that assets whose file is unavailable do not block the others for ever
    for asset in Asset.objects.filter(colours=None).order_by("?")[:limit]:
        features: dict[str, Any] = {"colours": []}
        try:
            with open_rendition(asset=asset, name="grid") as file:
                features = feature_fields(*decoder.extract_features(file.read()))
        except PictureRefused as error:
            logger.warning("%s: %s", asset.path, error)
        except FileMissing as error:
            logger.warning("%s: %s", asset.path, error)
            continue
        for name, value in features.items():
            setattr(asset, name, value)
        asset.save(update_fields=list(features))
        done += 1
    return done


def refresh_renditions(*, asset: Asset) -> bool:
    """Render an asset's renditions if they are missing or made by earlier rules.

    Corrects its size, colours and hash as well. Returns False if nothing was missing. Raises
    FileMissing and PictureRefused.
    """
    try:
        if all(map(default_storage.exists, map(asset.rendition_path, images.RENDITIONS))):
            return False
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage is not responding: {error}.") from error
    render_again(asset=asset)
    return True


def unread_assets(brand: Brand | None = None) -> AssetQuerySet:
    """Return the assets whose files have not been read for their metadata, by id."""
    assets = Asset.objects.filter(metadata_read_at=None).order_by("pk")
    return assets.filter(brand=brand) if brand else assets


def fill_from_file(*, asset: Asset, dry_run: bool = False) -> list[str]:
    """Fill the empty fields of an asset from its file, and return the names of those filled.

    Keywords become tags. No value and no status is changed. With `dry_run` nothing is saved. An
    asset that was read or deleted in the meantime stays as it is; of one that the studio generated,
    the file is not read. Raises FileMissing, and InvalidAsset if the asset itself is invalid.
    """
    said = FileMetadata() if asset.generation_id else decoder.read_metadata(read_original(asset))
    with transaction.atomic():
        current = unread_assets().select_for_update(of=("self",)).filter(pk=asset.pk)
        found = current.select_related("brand").first()
        if found is None:
            return []
        lacking = missing(found, said)
        if not dry_run:
            if lacking:
                update_asset(asset=found, **lacking)
            found.metadata_read_at = timezone.now()
            found.save(update_fields=["metadata_read_at"])
    return sorted(lacking)


def missing(asset: Asset, said: FileMetadata) -> dict[str, Any]:
    """Return the fields and the tags that the file gives and the asset lacks."""
    names = (*from_file.SAME_NAMES, "description", "terms_to_check")
    given = {name: getattr(asset, name) for name in names}
    if not (says_nothing(asset.title) or asset.title == title_for(asset.filename)):
        given["title"] = asset.title
    lacking = from_file.fields_from_file(said, filename=asset.filename, given=given)
    if lacking.get("title") == asset.title or not said.title:
        lacking.pop("title", None)
    custom = from_file.custom_from_file(said, asset.brand)
    if new := {name: value for name, value in custom.items() if name not in asset.custom}:
        lacking["custom"] = new
    tags = from_file.tags_from_file(said, asset.tag_names)
    if len(tags) > len(asset.tag_names):
        lacking["tags"] = tags
    return lacking
