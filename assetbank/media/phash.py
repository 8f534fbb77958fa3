"""A perceptual hash: 64 bits that hardly change when an image is resized or compressed again.

PostgreSQL 14 computes the same distance: `bit_count((a # b)::bit(64))`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 32


def _dct_matrix(size: int) -> npt.NDArray[np.float64]:
    """Return the matrix that turns a column of `size` samples into its DCT-II."""
    row, column = np.ogrid[:size, :size]
    matrix: npt.NDArray[np.float64] = np.cos(np.pi * row * (2 * column + 1) / (2 * size))
    return matrix


_DCT = _dct_matrix(SIDE)
# The 64 lowest frequencies, without the constant one, which is only the mean brightness
_SQUARES = np.arange(SIDE) ** 2
_LOWEST = np.argsort(np.add.outer(_SQUARES, _SQUARES).ravel(), kind="stable")[1:65]


def perceptual_hash(image: Image.Image) -> int:
    """Return a signed 64-bit number: each bit is a frequency of luminance above the median.

    An image of one colour has the hash 0.
    """
    grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    frequencies = (_DCT @ np.asarray(grey, np.float64) @ _DCT.T).ravel()[_LOWEST]
    frequencies = frequencies.round(
        6
    )  # otherwise the hash of a plain image would be rounding errors
    bits = np.packbits(frequencies > np.median(frequencies))
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def distance(first: int, second: int) -> int:
    """Return the number of bits, 0 to 64, in which two hashes differ."""
    return ((first ^ second) & (2**64 - 1)).bit_count()
