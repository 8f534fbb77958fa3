"""Compute image features that an asset should have since its ingest and does not."""

from __future__ import annotations

import logging
from typing import Any

from assetbank.assets.files import open_rendition
from assetbank.assets.ingest import feature_fields
from assetbank.errors import FileMissing, PictureRefused
from assetbank.media import decoder
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
