"""What Milvus gets of an asset: its vector, what can be filtered on, or nothing at all."""

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

MIN_SIDE = 8  # pixels; below this there is nothing to describe


def skip_reason(asset: Asset) -> str:
    """Why this asset cannot be found by searching, as a sentence; empty if it can."""
    if min(asset.width, asset.height) < MIN_SIDE:
        return f"Left out: smaller than {MIN_SIDE} pixels."
    if asset.origin != Asset.Origin.GENERATED:
        return ""
    policy, brand = asset.brand.search_generated, asset.brand.name
    if policy == Brand.SearchGenerated.NONE:
        return f"Left out: {brand} lets no generated pictures be found."
    if policy == Brand.SearchGenerated.APPROVED and asset.status != Asset.Status.APPROVED:
        return f"Left out: {brand} lets approved generated pictures be found."
    return ""


def sound_vector(kept: bytes | None, of: str, *, asset: Asset, space: VectorSpace) -> Vector | None:
    """The vector that Postgres keeps of the bytes with checksum `of`, if those are the asset's and
    it is one of the space's."""
    if kept is None or of != asset.checksum or len(kept) != 4 * space.dimension:
        return None
    vector: Vector = np.frombuffer(kept, dtype="<f4")
    length = math.sqrt(float(vector @ vector))  # not finite if one of it is not
    return vector if abs(length - 1) < 1e-3 else None


class IndexedRow(NamedTuple):
    """What bulk work reads of an embedding: rows of the ORM would take as long as Milvus does."""

    pk: int
    asset_id: int
    checksum: str
    vector_bytes: bytes | None


FIELDS = [  # of an asset
    *("brand_id", "kind", "origin", "status", "width", "height", "created_at", "expires_on"),
    *("consent", "consent_until", "territories"),
    *("created_by_id", "colour_cells", "engine_model", "preset", "prompt", "file", "checksum"),
]


def entities_from_rows(page: Sequence[IndexedRow], space: VectorSpace) -> list[store.Row]:
    """Rows from kept vectors; what has none, or is left out of search, is not among them."""
    assets = Asset.objects.with_tags().only(*FIELDS).in_bulk([row.asset_id for row in page])
    brands = Brand.objects.in_bulk({asset.brand_id for asset in assets.values()})
    found = []
    for row in page:
        asset = assets.get(row.asset_id)
        if asset is None:
            continue
        asset.brand = brands[asset.brand_id]
        vector = sound_vector(row.vector_bytes, row.checksum, asset=asset, space=space)
        if vector is not None and not skip_reason(asset):
            found.append(store.Row(asset.pk, vector, scalars(asset)))
    return found


def scalars(asset: Asset) -> schema.Scalars:
    """What Milvus filters on. `asset.tags` should be prefetched."""
    return schema.fitted(
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
            # not asset.path: a file object and its asset hold each other, and thousands of them
            # stay in memory until the collector comes by
            "storage_path": str(asset.__dict__.get("file") or asset.path),
        }
    )


def _expires(asset: Asset) -> int:
    """The end of the last day on which it may be used; 0: it may not be used at all."""
    end = terms.usable_until(asset)
    if end is None:
        return schema.NEVER
    if end == datetime.date.min:
        return 0
    return int(timezone.make_aware(datetime.datetime.combine(end, datetime.time.max)).timestamp())
