"""Is what an asset shows to be seen anywhere in another picture?

A vector of a whole picture hardly tells what stands at its edge, or is one of several. So regions
of it, from all of it down to a quarter of its shorter side, are encoded too, and the likest one
counts. What it scores is read as `relevance` reads it, against the encoder's own background.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from search.encoders import EncoderError
from search.errors import SearchUnavailable
from search.indexing import space_encoders, spaces
from search.models import Embedding, Vector, VectorSpace

SCALES = (0.6, 0.4, 0.28)  # of the shorter side; each region overlaps the next by half
SIDE = 640  # pixels of the longest side that are looked at


def match_regions(picture: Image.Image, assets: Sequence[int]) -> dict[int, float]:
    """For each of these assets that has a vector: the log-odds that some region of the RGB picture
    shows the same; 0 is even. Takes seconds, and wants a process that has the encoder loaded
    anyway. Raises SearchUnavailable."""
    space = spaces.active_space()
    wanted = _vectors(space, assets)
    if not wanted:
        return {}
    background = space_encoders.background(str(space.fingerprint))
    try:
        found = space_encoders.encoder(space).encode(list(_regions(picture)))
    except EncoderError as error:
        raise SearchUnavailable(str(error)) from error
    line = background.picture
    return {
        pk: line.slope * float((found @ vector).max())
        + line.lean * float(background.mean @ vector)
        + line.offset
        for pk, vector in wanted.items()
    }


def _vectors(space: VectorSpace, assets: Sequence[int]) -> dict[int, Vector]:
    kept = Embedding.objects.filter(space=space, asset_id__in=assets, vector_bytes__isnull=False)
    rows = [(row.asset_id, row.vector) for row in kept]
    return {pk: vector for pk, vector in rows if vector is not None and np.isfinite(vector).all()}


def _regions(picture: Image.Image) -> Iterator[Image.Image]:
    small = picture.copy()
    small.thumbnail((SIDE, SIDE))
    yield small
    for scale in SCALES:
        side = max(1, round(min(small.size) * scale))
        for left in _places(small.width, side):
            for top in _places(small.height, side):
                yield small.crop((left, top, left + side, top + side))


def _places(length: int, side: int) -> list[int]:
    """Where regions begin, so that they cover all of it evenly."""
    many = math.ceil((length - side) / (side / 2)) + 1
    return [round(at) for at in np.linspace(0, length - side, many)]
