"""Comparison of two images by pixels: resized, compressed, cropped, framed or recoloured copies.

Perceptual hash and CLIP propose pairs, and this module decides. One image is aligned with the other
(moved, scaled, slightly rotated) until their detail agrees best, and then they are compared block
by block. A product photographed twice has other folds and shadows, so it does not pass, however
similar the two photographs are to an encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

Floats = npt.NDArray[np.floating[Any]]

SAME_THRESHOLD = 0.75  # minimum score, 0 to 1, of two copies of one image
# Candidates for a comparison: the nearest by perceptual hash, within a maximum of differing bits,
# and the nearest by CLIP. Ranks, because the scale of cosines depends on the encoder
NEAREST_HASHES = 10
HASH_BITS = 24
NEAREST_VECTORS = 10

SIDE = 96  # pixels of the longest side; the search for the position uses half of them
# Scales of one image inside the other, both equally long: from cropped by a third to framed
SCALES = 1.05 ** np.arange(-10, 3.0)
CENTRE = 0.74  # share of the width and height that is searched for: what a frame leaves free
MAX_TURN = 0.07  # maximum rotation in radians
MIN_OVERLAP = 0.6  # share of the smaller image that must lie in the other
BLOCKS = 6  # per side; each must agree
MIN_CONTRAST = 0.06  # minimum standard deviation of luminance of a block that is compared
WINDOW = 4  # pixels to each side for local means


@dataclass(frozen=True)
class PixelArrays:
    """Arrays of one image to compare: luminance (0 to 1) and its detail, [height, width]."""

    fine: Floats
    brightest: Floats  # maximum of red, green and blue, instead of luminance
    coarse: Floats
    fine_detail: Floats
    coarse_detail: Floats


@dataclass(frozen=True)
class Placement:
    """Position of one image in another: a point z = x + iy lies at `turn` * z + `shift`."""

    turn: complex  # rotation and scale
    shift: complex


def pixel_arrays(picture: Image.Image) -> PixelArrays:
    """Return the arrays of a rendition of at least SIDE pixels."""
    factor = SIDE / max(picture.size)
    rgb = picture.convert("RGB")
    red, green, blue = rgb.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    fine, value = (
        _resized(np.asarray(grey, np.float32) / 255, factor)
        for grey in (rgb.convert("L"), brightest)
    )
    coarse = _resized(fine, 0.5)
    return PixelArrays(fine, value, coarse, _detail(fine), _detail(coarse))


def same_image_score(first: PixelArrays, second: PixelArrays) -> float:
    """Return the score, 0 to 1, that one is a copy of the other; a copy from SAME_THRESHOLD on.

    0 for images without any detail: for plain surfaces only a checksum can tell.
    """
    best = 0.0
    for whole, part in ((first, second), (second, first)):
        for placement in _likely_placements(whole, part):
            guess = float(np.mean(_agreement(whole.coarse, part.coarse, placement)))
            if guess > best:
                best, chosen = guess, (whole, part, placement)
    if not best:
        return 0.0
    whole, part, placement = chosen
    placement = Placement(placement.turn, placement.shift * 2)
    placement = _aligned(whole.fine_detail, part.fine_detail, placement)
    # The minimum, because two photographs of a room may agree in all blocks but one chair. A change
    # of hues changes luminance or the brightest channel in places, but not both
    luminance = _agreement(whole.fine, part.fine, placement).min()
    brightest = _agreement(whole.brightest, part.brightest, placement).min()
    return float(max(luminance, brightest, 0))


def _likely_placements(whole: PixelArrays, part: PixelArrays) -> list[Placement]:
    """Return the two most likely placements of `part` in `whole`, at coarse resolution.

    The centre of `part` is moved over `whole` at each scale, by normalised cross-correlation.
    """
    detail = whole.coarse_detail
    height, width = detail.shape
    spectrum = np.fft.rfft2(detail)
    padded = np.pad(detail, ((1, 0), (1, 0)))
    values, squares = (each.cumsum(axis=0).cumsum(axis=1) for each in (padded, padded**2))
    found = []
    for scale in SCALES:
        scaled = _resized(part.coarse_detail, scale)
        top, left = (round(side * (1 - CENTRE) / 2) for side in scaled.shape)
        centre = scaled[top : scaled.shape[0] - top, left : scaled.shape[1] - left]
        rows, columns = centre.shape
        if rows > height or columns > width or min(rows, columns) < 8:
            continue
        centre = centre - centre.mean()
        template = np.conj(np.fft.rfft2(centre, detail.shape))
        products = np.fft.irfft2(spectrum * template, detail.shape)
        products = products[: height - rows + 1, : width - columns + 1]
        energy = _sums(squares, rows, columns) - _sums(values, rows, columns) ** 2 / centre.size
        correlation = products / np.sqrt(np.maximum(energy * (centre**2).sum(), 1e-6))
        y, x = divmod(int(correlation.argmax()), correlation.shape[1])
        shift = -complex(x - left, y - top) / scale
        found.append((float(correlation[y, x]), Placement(1 / scale, shift)))
    found.sort(key=lambda item: -item[0])
    return [_aligned(detail, part.coarse_detail, placement) for _, placement in found[:2]]


def _aligned(whole: Floats, part: Floats, placement: Placement, steps: int = 6) -> Placement:
    """Return the nearby placement with the smallest difference, by Gauss-Newton iteration."""
    height, width = whole.shape
    centre = complex(width / 2, height / 2)
    offsets = _points(height, width) - centre
    for _ in range(steps):
        warped, inside = _warp(part, whole.shape, placement)
        if inside.mean() < 0.2:
            break
        down, right = np.gradient(warped, axis=0), np.gradient(warped, axis=1)
        slope = (right + 1j * down)[inside]
        turned = np.conj(slope) * offsets[inside]
        change = np.stack([turned.real, -turned.imag, slope.real, slope.imag])
        difference = (whole - warped)[inside]
        weighted = change / (1 + np.abs(difference))  # outliers weigh less
        step = np.linalg.solve(weighted @ change.T + 1e-3 * np.eye(4), weighted @ difference)
        turn = complex(*np.clip(step[:2], -0.05, 0.05))
        shift = complex(*np.clip(step[2:], -3, 3))
        placement = Placement(
            placement.turn * (1 + turn),
            placement.turn * (shift - turn * centre) + placement.shift,
        )
    return placement


def _agreement(whole: Floats, part: Floats, placement: Placement) -> Floats:
    """Return the correlation of each block with contrast, or [0] for an invalid placement."""
    invalid: Floats = np.zeros(1, np.float32)
    warped, inside = _warp(part, whole.shape, placement)
    smaller = min(whole.size, part.size / abs(placement.turn) ** 2)
    if abs(np.angle(placement.turn)) > MAX_TURN or inside.sum() < MIN_OVERLAP * smaller:
        return invalid
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if min(len(rows), len(columns)) < BLOCKS:
        return invalid
    starts = [side[np.arange(BLOCKS) * len(side) // BLOCKS] for side in (rows, columns)]

    def total(values: Floats) -> Floats:
        values = (values * inside)[: rows[-1] + 1, : columns[-1] + 1]
        values = np.add.reduceat(values, starts[0], axis=0)
        totals: Floats = np.add.reduceat(values, starts[1], axis=1)
        return totals

    pixels = total(np.ones_like(whole))
    filled = pixels > pixels.max() / 2
    pixels = np.maximum(pixels, 1)
    whole_mean, part_mean = total(whole) / pixels, total(warped) / pixels
    whole_variance = np.maximum(total(whole**2) / pixels - whole_mean**2, 0)
    part_variance = np.maximum(total(warped**2) / pixels - part_mean**2, 0)
    covariance = total(whole * warped) / pixels - whole_mean * part_mean
    contrast = np.sqrt(np.maximum(whole_variance, part_variance)) * filled
    compared = filled & (contrast >= min(MIN_CONTRAST, contrast.max() / 2))
    correlation = covariance / (np.sqrt(whole_variance * part_variance) + 1e-4)
    blocks: Floats = correlation[compared]
    return blocks


def _warp(
    part: Floats, shape: tuple[int, ...], placement: Placement
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return `part` warped onto an image of `shape` (bilinear), and a mask of where it lies."""
    points = placement.turn * _points(*shape) + placement.shift
    x, y = points.real, points.imag
    height, width = part.shape
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    x, y = x - left.astype(np.float32), y - top.astype(np.float32)
    corner, flat = top * width + left, part.ravel()
    upper, lower = flat.take(corner), flat.take(corner + width)
    upper += (flat.take(corner + 1) - upper) * x
    lower += (flat.take(corner + width + 1) - lower) * x
    return (upper + (lower - upper) * y) * inside, inside


@lru_cache(maxsize=64)
def _points(height: int, width: int) -> npt.NDArray[np.complex64]:
    """Return x + iy of each pixel."""
    y, x = np.mgrid[:height, :width]
    points: npt.NDArray[np.complex64] = (x + 1j * y).astype(np.complex64)
    return points


def _detail(luminance: Floats) -> Floats:
    """Return the luminance without its local mean, with about equal contrast everywhere."""
    rough = luminance - _local_mean(luminance)
    detail: Floats = rough / (np.sqrt(np.maximum(_local_mean(rough**2), 0)) + 0.02)
    return detail


def _local_mean(values: Floats, radius: int = WINDOW) -> Floats:
    size = 2 * radius + 1
    padded = np.pad(values, ((radius + 1, radius), (radius + 1, radius)), mode="edge")
    means: Floats = _sums(padded.cumsum(axis=0).cumsum(axis=1), size, size) / size**2
    return means


def _sums(cumulated: Floats, rows: int, columns: int) -> Floats:
    """Return the sum of each window of rows x columns, from cumulative sums."""
    tall = cumulated[rows:] - cumulated[:-rows]
    sums: Floats = tall[:, columns:] - tall[:, :-columns]
    return sums


def _resized(values: Floats, factor: float) -> Floats:
    height, width = (max(8, round(side * factor)) for side in values.shape)
    method = Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(values).resize((width, height), method), np.float32)
