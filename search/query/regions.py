"""Detection of an asset's subject anywhere in another image.

The vector of a whole image says little about an object at its edge, or about one of several. So
regions are encoded, too, from the whole image down to about a quarter of its shorter side, and the
best score counts. As in `relevance`, the score is calibrated against the encoder's background.
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

# Sides of the square regions, as fractions of the shorter side; each overlaps the next by half
SCALES = (0.6, 0.4, 0.28)
SIDE = 640  # Longer side, in pixels, to which the image is reduced first


def match_regions(picture: Image.Image, assets: Sequence[int]) -> dict[int, float]:
    """Return, by id of each asset that has a vector, the log-odds that a region of the RGB picture
    shows the asset's subject; 0 is even odds. Takes seconds: call it in a process that has the
    encoder loaded already. Raises SearchUnavailable."""
    space = spaces.active_space()
    vectors = _vectors(space, assets)
    if not vectors:
        return {}
    background = space_encoders.load_background(str(space.fingerprint))
    try:
        encoded = space_encoders.load_encoder(space).encode(list(_regions(picture)))
    except EncoderError as error:
        raise SearchUnavailable(str(error)) from error
    fit = background.picture
    return {
        pk: fit.slope * float((encoded @ vector).max())
        + fit.lean * float(background.mean @ vector)
        + fit.offset
        for pk, vector in vectors.items()
    }


def _vectors(space: VectorSpace, assets: Sequence[int]) -> dict[int, Vector]:
    rows = Embedding.objects.filter(space=space, asset_id__in=assets, vector_bytes__isnull=False)
    vectors = [(row.asset_id, row.vector) for row in rows]
    return {
        pk: vector for pk, vector in vectors if vector is not None and np.isfinite(vector).all()
    }


def _regions(picture: Image.Image) -> Iterator[Image.Image]:
    reduced = picture.copy()
    reduced.thumbnail((SIDE, SIDE))
    yield reduced
    for scale in SCALES:
        side = max(1, round(min(reduced.size) * scale))
        for left in _offsets(reduced.width, side):
            for top in _offsets(reduced.height, side):
                yield reduced.crop((left, top, left + side, top + side))


def _offsets(length: int, side: int) -> list[int]:
    """Return the start positions of regions that cover `length` evenly, in pixels."""
    count = math.ceil((length - side) / (side / 2)) + 1
    return [round(offset) for offset in np.linspace(0, length - side, count)]
