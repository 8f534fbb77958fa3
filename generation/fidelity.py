"""Can a reference still be recognised in what was made from it? ("Subject fidelity".)

The vectors that search keeps of both pictures are compared. Raw cosines mean something else in each
encoder, so they are read against the encoder's own background, the mean of pictures that have
nothing to do with each other: what two pictures share with that mean, they share with everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from assetbank.models import Asset
from generation.models import Reference, Role
from search.errors import SearchUnavailable
from search.models import Embedding, Vector, VectorSpace
from search.relevance import Background

# What these lend is a look or a place: no object that could be recognised
EXEMPT = (Role.STYLE, Role.BACKGROUND)
LINE = 0.0


def ignored(asset: Asset, rows: Sequence[Reference]) -> Iterator[tuple[Reference, float]]:
    """Those of `rows` that cannot be recognised in the asset, each with its likeness. What was
    deleted, or is a look or a place only, is not judged. Raises SearchUnavailable where vectors
    are missing."""
    judged = [row for row in rows if row.role not in EXEMPT and row.asset_id]
    if not judged:
        return
    space = VectorSpace.objects.filter(active=True).first()
    if space is None or not space.background:
        raise SearchUnavailable("Search is not ready yet: the encoder is being measured.")
    mean = Background.load(space.background).mean
    vectors = _vectors(space, [asset.pk, *(row.asset_id for row in judged if row.asset_id)])
    own = vectors.get(asset.pk)
    if own is None:
        raise SearchUnavailable("This picture has no vector, so it can be compared with nothing.")
    for row in judged:
        reference = vectors.get(row.asset_id or 0)
        if reference is None:
            raise SearchUnavailable(f"Reference {row.position + 1} has no vector to compare with.")
        if (found := likeness(own, reference, mean)) < LINE:
            yield row, found


def likeness(one: Vector, other: Vector, mean: Vector) -> float:
    """Of two vectors [d] of length one: the cosine of what is left of each without the mean [d],
    -1 to 1; about 0 for pictures that have nothing to do with each other."""
    first, second = one - mean, other - mean
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second) + 1e-9))


def _vectors(space: VectorSpace, pks: list[int]) -> dict[int, Vector]:
    kept = Embedding.objects.filter(space=space, asset_id__in=pks, vector_bytes__isnull=False)
    rows = [(row.asset_id, row.vector) for row in kept]
    return {pk: vector for pk, vector in rows if vector is not None and len(vector)}
