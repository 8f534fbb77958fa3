"""Compute image features that an asset should have since its ingest and does not."""

from __future__ import annotations

import logging
from typing import Any

from django.core.files.storage import default_storage

from assetbank.assets.files import feature_fields, open_rendition, render_again
from assetbank.errors import FileMissing, PictureRefused
from assetbank.media import images
from assetbank.models import Asset

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
                features = feature_fields(*images.extract_features(file.read()))
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
