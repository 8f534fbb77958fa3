"""Do two pictures show the same picture: resized, compressed, cut, framed, recoloured?

Perceptual hash and CLIP say which pairs are worth a look; this looks. One picture is laid over the
other (moved, scaled, turned a little) until their detail agrees as well as it can, and then they
are compared place by place. A product photographed twice has other folds and other shadows, so it
does not pass, however alike the two photographs are to an encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

Floats = npt.NDArray[np.floating[Any]]

SAME_THRESHOLD = 0.75  # the least score at which two pictures are called the same
# Whom a new asset is compared with: the nearest by perceptual hash, where it differs in few enough
# bits, and the nearest by CLIP. Ranks, because cosines mean something else in each encoder
NEAREST_HASHES = 10
HASH_BITS = 24
NEAREST_VECTORS = 10

SIDE = 96  # pixels of the longest side; the search for the position uses half of them
# Of one picture inside the other, both being equally long: from cut by a third to framed
SCALES = 1.05 ** np.arange(-10, 3.0)
MIDDLE = 0.74  # share of the width and height that is searched for: what a frame leaves free
TURN = 0.07  # radians that a picture may be turned
INSIDE = 0.6  # share of the smaller picture that must lie in the other
BLOCKS = 6  # per side, that must agree one by one
CONTRAST = 0.06  # standard deviation of luminance from which on a block can disagree
WINDOW = 4  # pixels to each side that local means are taken over


@dataclass(frozen=True)
class Thumb:
    """What is compared of a picture: luminance (0 to 1) and its detail, [height, width]."""

    fine: Floats
    brightest: Floats  # of red, green and blue, instead of luminance
    coarse: Floats
    fine_detail: Floats
    coarse_detail: Floats


@dataclass(frozen=True)
class Placement:
    """Where a point z = x + iy of one picture lies in another: at `turn` * z + `shift`."""

    turn: complex  # and scale
    shift: complex


def thumb(picture: Image.Image) -> Thumb:
    """Of any rendition of at least SIDE pixels."""
    factor = SIDE / max(picture.size)
    rgb = picture.convert("RGB")
    red, green, blue = rgb.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    fine, value = (
        _resized(np.asarray(grey, np.float32) / 255, factor)
        for grey in (rgb.convert("L"), brightest)
    )
    coarse = _resized(fine, 0.5)
    return Thumb(fine, value, coarse, _detail(fine), _detail(coarse))


def same_image_score(first: Thumb, second: Thumb) -> float:
    """How surely one is a copy of the other, 0 to 1; SAME and above is yes.

    0 for pictures without any detail: of plain surfaces only a checksum can tell.
    """
    best = 0.0
    for whole, part in ((first, second), (second, first)):
        for placement in _found(whole, part):
            guess = float(np.mean(_agreement(whole.coarse, part.coarse, placement)))
            if guess > best:
                best, chosen = guess, (whole, part, placement)
    if not best:
        return 0.0
    whole, part, placement = chosen
    placement = Placement(placement.turn, placement.shift * 2)
    placement = _aligned(whole.fine_detail, part.fine_detail, placement)
    # The least, for in one room with two chairs all agrees but the chairs. Turning the hues of a
    # picture changes luminance here and there, or else the brightest channel, but not both
    luminance = _agreement(whole.fine, part.fine, placement).min()
    brightest = _agreement(whole.brightest, part.brightest, placement).min()
    return float(max(luminance, brightest, 0))


def _found(whole: Thumb, part: Thumb) -> list[Placement]:
    """The two likeliest places of `part` in `whole`, coarse.

    The middle of `part` is slid over `whole` in every size, by normalised cross-correlation.
    """
    detail = whole.coarse_detail
    height, width = detail.shape
    spectrum = np.fft.rfft2(detail)
    padded = np.pad(detail, ((1, 0), (1, 0)))
    values, squares = (each.cumsum(axis=0).cumsum(axis=1) for each in (padded, padded**2))
    found = []
    for scale in SCALES:
        scaled = _resized(part.coarse_detail, scale)
        top, left = (round(side * (1 - MIDDLE) / 2) for side in scaled.shape)
        middle = scaled[top : scaled.shape[0] - top, left : scaled.shape[1] - left]
        rows, columns = middle.shape
        if rows > height or columns > width or min(rows, columns) < 8:
            continue
        middle = middle - middle.mean()
        sought = np.conj(np.fft.rfft2(middle, detail.shape))
        products = np.fft.irfft2(spectrum * sought, detail.shape)
        products = products[: height - rows + 1, : width - columns + 1]
        energy = _sums(squares, rows, columns) - _sums(values, rows, columns) ** 2 / middle.size
        likeness = products / np.sqrt(np.maximum(energy * (middle**2).sum(), 1e-6))
        y, x = divmod(int(likeness.argmax()), likeness.shape[1])
        shift = -complex(x - left, y - top) / scale
        found.append((float(likeness[y, x]), Placement(1 / scale, shift)))
    found.sort(key=lambda item: -item[0])
    return [_aligned(detail, part.coarse_detail, placement) for _, placement in found[:2]]


def _aligned(whole: Floats, part: Floats, placement: Placement, steps: int = 6) -> Placement:
    """Gauss-Newton: the placement nearby with the least difference."""
    height, width = whole.shape
    centre = complex(width / 2, height / 2)
    away = _points(height, width) - centre
    for _ in range(steps):
        laid, inside = _laid_over(part, whole.shape, placement)
        if inside.mean() < 0.2:
            break
        down, right = np.gradient(laid, axis=0), np.gradient(laid, axis=1)
        slope = (right + 1j * down)[inside]
        turned = np.conj(slope) * away[inside]
        change = np.stack([turned.real, -turned.imag, slope.real, slope.imag])
        difference = (whole - laid)[inside]
        weighted = change / (1 + np.abs(difference))  # what does not fit at all pulls less
        step = np.linalg.solve(weighted @ change.T + 1e-3 * np.eye(4), weighted @ difference)
        turn = complex(*np.clip(step[:2], -0.05, 0.05))
        shift = complex(*np.clip(step[2:], -3, 3))
        placement = Placement(
            placement.turn * (1 + turn),
            placement.turn * (shift - turn * centre) + placement.shift,
        )
    return placement


def _agreement(whole: Floats, part: Floats, placement: Placement) -> Floats:
    """The correlation in each block that has contrast, or [0] if the placement makes no sense."""
    nothing: Floats = np.zeros(1, np.float32)
    laid, inside = _laid_over(part, whole.shape, placement)
    smaller = min(whole.size, part.size / abs(placement.turn) ** 2)
    if abs(np.angle(placement.turn)) > TURN or inside.sum() < INSIDE * smaller:
        return nothing
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if min(len(rows), len(columns)) < BLOCKS:
        return nothing
    starts = [side[np.arange(BLOCKS) * len(side) // BLOCKS] for side in (rows, columns)]

    def total(values: Floats) -> Floats:
        values = (values * inside)[: rows[-1] + 1, : columns[-1] + 1]
        values = np.add.reduceat(values, starts[0], axis=0)
        totals: Floats = np.add.reduceat(values, starts[1], axis=1)
        return totals

    pixels = total(np.ones_like(whole))
    filled = pixels > pixels.max() / 2
    pixels = np.maximum(pixels, 1)
    ours, theirs = total(whole) / pixels, total(laid) / pixels
    our_variance = np.maximum(total(whole**2) / pixels - ours**2, 0)
    their_variance = np.maximum(total(laid**2) / pixels - theirs**2, 0)
    covariance = total(whole * laid) / pixels - ours * theirs
    contrast = np.sqrt(np.maximum(our_variance, their_variance)) * filled
    judged = filled & (contrast >= min(CONTRAST, contrast.max() / 2))
    correlation = covariance / (np.sqrt(our_variance * their_variance) + 1e-4)
    chosen: Floats = correlation[judged]
    return chosen


def _laid_over(
    part: Floats, shape: tuple[int, ...], placement: Placement
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """`part` as it lies over a picture of `shape`, and where it does; bilinear."""
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
    """x + iy of each pixel."""
    y, x = np.mgrid[:height, :width]
    points: npt.NDArray[np.complex64] = (x + 1j * y).astype(np.complex64)
    return points


def _detail(luminance: Floats) -> Floats:
    """Without what is smooth, and about equally strong everywhere."""
    rough = luminance - _local_mean(luminance)
    detail: Floats = rough / (np.sqrt(np.maximum(_local_mean(rough**2), 0)) + 0.02)
    return detail


def _local_mean(values: Floats, reach: int = WINDOW) -> Floats:
    size = 2 * reach + 1
    padded = np.pad(values, ((reach + 1, reach), (reach + 1, reach)), mode="edge")
    means: Floats = _sums(padded.cumsum(axis=0).cumsum(axis=1), size, size) / size**2
    return means


def _sums(cumulated: Floats, rows: int, columns: int) -> Floats:
    """Of every window of rows x columns, from sums over all above and to the left."""
    tall = cumulated[rows:] - cumulated[:-rows]
    sums: Floats = tall[:, columns:] - tall[:, :-columns]
    return sums


def _resized(values: Floats, factor: float) -> Floats:
    height, width = (max(8, round(side * factor)) for side in values.shape)
    method = Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(values).resize((width, height), method), np.float32)
