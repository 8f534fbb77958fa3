"""The only way into the library, and the only way to change or remove what is in it."""

from __future__ import annotations

import logging
from typing import Any

from assetbank.assets.files import open_rendition
from assetbank.assets.ingest import _pixels
from assetbank.errors import FileMissing, PictureRefused
from assetbank.media import images
from assetbank.models import Asset

logger = logging.getLogger(__name__)


def backfill_features(*, most: int = 200) -> int:
    """Colours and perceptual hash of assets that came in before they were read at intake; returns
    how many. A picture that cannot be read gets none, and is not tried again."""
    done = 0
    # in any order: those whose file is missing now must not hold up the others for ever
    for asset in Asset.objects.filter(colours=None).order_by("?")[:most]:
        read: dict[str, Any] = {"colours": []}
        try:
            with open_rendition(asset=asset, name="grid") as file:
                read = _pixels(*images.extract_features(file.read()))
        except PictureRefused as error:
            logger.warning("%s: %s", asset.path, error)
        except FileMissing as error:
            logger.warning("%s: %s", asset.path, error)
            continue
        for name, value in read.items():
            setattr(asset, name, value)
        asset.save(update_fields=list(read))
        done += 1
    return done
