"""Milvus entities of assets: the vector and the filterable columns, or the reason for skipping."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from django.utils import timezone

from assetbank.models import Asset, Brand
from assetbank.rights import terms
from search.models import Vector, VectorSpace
from search.vectorstore import schema, store

MIN_SIDE = 8  # pixels; smaller images show nothing to describe


def skip_reason(asset: Asset) -> str:
    """Return why the asset is left out of the index, as a sentence; "" if it belongs there."""
    if asset.in_trash:
        return "In the trash."
    if min(asset.width, asset.height) < MIN_SIDE:
        return f"Skipped: smaller than {MIN_SIDE} pixels."
    if asset.origin != Asset.Origin.GENERATED:
        return ""
    policy, brand = asset.brand.search_generated, asset.brand.name
    if policy == Brand.SearchGenerated.NONE:
        return f"Skipped: {brand} excludes generated images from search."
    if policy == Brand.SearchGenerated.APPROVED and asset.status != Asset.Status.APPROVED:
        return f"Skipped: {brand} includes generated images in search only once they are approved."
    return ""


def valid_vector(
    stored: bytes | None, checksum: str, *, asset: Asset, space: VectorSpace
) -> Vector | None:
    """Return the stored vector if it was computed from the asset's bytes in this space, else None.

    `stored` is float32, little-endian; `checksum` is of the bytes it was computed from. The vector
    must have the space's dimension and unit length.
    """
    if stored is None or checksum != asset.checksum or len(stored) != 4 * space.dimension:
        return None
    vector: Vector = np.frombuffer(stored, dtype="<f4")
    length = math.sqrt(float(vector @ vector))  # not finite if a component is not
    return vector if abs(length - 1) < 1e-3 else None


class IndexedRow(NamedTuple):
    """Columns of an embedding that bulk jobs read.

    Model instances would take as long as Milvus does.
    """

    pk: int
    asset_id: int
    checksum: str
    vector_bytes: bytes | None


FIELDS = [  # columns of an asset that `scalars` and `skip_reason` read
    *("brand_id", "kind", "origin", "status", "width", "height", "created_at", "expires_on"),
    *("consent", "consent_until", "territories"),
    *("created_by_id", "colour_cells", "engine_model", "preset", "prompt", "file", "checksum"),
    *("creator", "city", "country", "captured_at", "captured_offset", "alt_text"),
    "terms_to_check",
]


def entities_from_rows(page: Sequence[IndexedRow], space: VectorSpace) -> list[store.Row]:
    """Return Milvus rows for embeddings with a valid vector; skipped assets are left out."""
    assets = Asset.objects.with_tags().only(*FIELDS).in_bulk([row.asset_id for row in page])
    brands = Brand.objects.in_bulk({asset.brand_id for asset in assets.values()})
    entities = []
    for row in page:
        asset = assets.get(row.asset_id)
        if asset is None:
            continue
        asset.brand = brands[asset.brand_id]
        vector = valid_vector(row.vector_bytes, row.checksum, asset=asset, space=space)
        if vector is not None and not skip_reason(asset):
            entities.append(store.Row(asset.pk, vector, scalars(asset)))
    return entities


def scalars(asset: Asset) -> schema.Scalars:
    """Return the values that Milvus filters on. `asset.tags` should be prefetched."""
    return schema.truncated(
        {
            "brand_id": asset.brand_id,
            "kind": asset.kind,
            "origin": asset.origin,
            "status": asset.status,
            "orientation": asset.orientation,
            "aspect_ratio": asset.aspect_ratio,
            "width": asset.width,
            "height": asset.height,
            "created": int(asset.created_at.timestamp()),
            "expires": _expires(asset),
            "created_by": asset.created_by_id or schema.NOBODY,
            "tags": sorted(name.lower() for name in asset.tag_names),
            "colours": asset.colour_cells,
            "engine_model": asset.engine_model,
            "preset": asset.preset,
            "prompt": asset.prompt,
            # Not asset.path: a file object and its asset reference each other, and thousands would
            # stay in memory until the garbage collector runs
            "storage_path": str(asset.__dict__.get("file") or asset.path),
            "creator": asset.creator.lower(),
            "city": asset.city.lower(),
            "country": asset.country.lower(),
            "captured": _day(asset),
            "has_alt_text": int(bool(asset.alt_text)),
            "terms_to_check": int(bool(asset.terms_to_check)),
        }
    )


def _day(asset: Asset) -> int:
    """Return the day of capture in the calendar of the place, since 1970, or UNDATED."""
    local = asset.captured_local
    return (local.date() - schema.EPOCH).days if local else schema.UNDATED


def _expires(asset: Asset) -> int:
    """Return the last second in which the asset may be used, since 1970; 0 if it may not be at
    all."""
    end = terms.usable_until(asset)
    if end is None:
        return schema.NEVER
    if end == datetime.date.min:
        return 0
    return int(timezone.make_aware(datetime.datetime.combine(end, datetime.time.max)).timestamp())
