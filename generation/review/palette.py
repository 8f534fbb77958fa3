"""Share of an image in colours outside a brand's palette.

Colours are compared in OKLab, as in `assetbank.media.colours`. A colour belongs to the palette if
it is near one of its colours, or is a shade or tint of one: light and folds change the lightness,
and hardly the hue. Ignored are greys, colours near black or white, and muted hues of skin, wood and
sand, since people and rooms are in most images and in no palette.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from assetbank.media import colours

SIDE = 96  # longest side in pixels of the image that is measured
MIN_CHROMA = 0.06  # less is grey; the strongest colours have 0.32
MIN_LIGHTNESS, MAX_LIGHTNESS = 0.25, 0.97  # outside, a hue is not recognisable
SAME_HUE = math.radians(16)  # maximum difference of hue
SKIN_HUES = (math.radians(25), math.radians(95))
SKIN_CHROMA = 0.12
MIN_AREA = 0.04  # minimum share of the image for a colour to be listed
MIN_TOTAL = 0.08  # minimum share of the image for a finding


@dataclass(frozen=True)
class OffPalette:
    """Colours outside the palette: their share of the image (0 to 1), and the areas, largest first,
    each a colour word, an example like "#2f9548", and its share of the image."""

    share: float
    areas: list[tuple[str, str, float]]


def off_palette(picture: Image.Image, palette: Sequence[str]) -> OffPalette | None:
    """Return the colours of an image outside the palette ("#rrggbb"); None if they cover less than
    MIN_TOTAL of it, if each covers less than MIN_AREA, or if the palette is empty."""
    if not palette:
        return None
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    rgb = np.asarray(small).reshape(-1, 3)
    lab = colours.oklab(rgb)
    outside = _is_coloured(lab) & ~_is_in_palette(lab, palette)
    share = float(outside.mean())
    if share < MIN_TOTAL:
        return None
    areas = [area for area in _areas(rgb[outside], lab[outside], len(rgb)) if area[2] >= MIN_AREA]
    return OffPalette(share, areas) if areas else None


def off_palette_sentence(found: OffPalette) -> str:
    """Return the sentence of a finding about colours outside the palette; it names the three
    largest."""
    said = [
        f"{'an' if word[0] in 'aeiou' else 'a'} {word} ({example})"
        for word, example, _ in found.areas[:3]
    ]
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    are = "that is" if len(said) == 1 else "that are"
    return f"{found.share:.0%} of the image is {listed} {are} not in the palette."


def _is_coloured(lab: colours.Floats) -> npt.NDArray[np.bool_]:
    """Return a mask [n] for OKLab pixels [n, 3]: True for those that are clearly coloured and not
    of a muted skin hue."""
    lightness, chroma, hue = lab[:, 0], _chroma(lab), _hue(lab)
    skin = (hue >= SKIN_HUES[0]) & (hue <= SKIN_HUES[1]) & (chroma < SKIN_CHROMA)
    clear = (chroma >= MIN_CHROMA) & (lightness >= MIN_LIGHTNESS) & (lightness <= MAX_LIGHTNESS)
    coloured: npt.NDArray[np.bool_] = clear & ~skin
    return coloured


def _is_in_palette(lab: colours.Floats, palette: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return a mask [n] for OKLab pixels [n, 3]: True for those near a colour of the palette, or a
    shade or tint of one."""
    found = np.zeros(len(lab), bool)
    for colour in palette:
        own = colours.oklab(list(bytes.fromhex(colour[1:])))[None]
        difference = (lab - own) * [colours.LIGHTNESS, 1.0, 1.0]
        found |= np.linalg.norm(difference, axis=1) <= colours.RADIUS
        if _chroma(own)[0] >= MIN_CHROMA:
            angle = np.abs(_hue(lab) - _hue(own))
            found |= np.minimum(angle, 2 * math.pi - angle) <= SAME_HUE
    return found


def _areas(
    rgb: npt.NDArray[np.uint8], lab: colours.Floats, pixels: int
) -> list[tuple[str, str, float]]:
    """Return the areas of an OffPalette: the pixels outside the palette by the nearest colour word,
    mostly by hue. `pixels` is the number of all pixels of the image."""
    named = [each for each in colours.SWATCHES if each[0] not in ("white", "grey", "black")]
    words = [word for word, _ in named]
    swatches = colours.oklab([list(bytes.fromhex(colour[1:])) for _, colour in named])
    angle = np.abs(_hue(lab)[:, None] - _hue(swatches)[None])
    angle = np.minimum(angle, 2 * math.pi - angle)
    lightness = np.abs(lab[:, None, 0] - swatches[None, :, 0])
    chroma = np.abs(_chroma(lab)[:, None] - _chroma(swatches)[None])
    nearest = (angle + lightness / 2 + chroma).argmin(axis=1)
    found = []
    for number in np.unique(nearest):
        pixels_of_word = rgb[nearest == number]
        example = "#" + bytes(int(value) for value in np.median(pixels_of_word, axis=0)).hex()
        found.append((words[number], example, len(pixels_of_word) / pixels))
    return sorted(found, key=lambda area: -area[2])


def _chroma(lab: colours.Floats) -> colours.Floats:
    chroma: colours.Floats = np.hypot(lab[:, 1], lab[:, 2])
    return chroma


def _hue(lab: colours.Floats) -> colours.Floats:
    """Return the hues [n] of OKLab pixels [n, 3] in radians, 0 to 2 pi; red is near 0.5."""
    hue: colours.Floats = np.arctan2(lab[:, 2], lab[:, 1]) % (2 * math.pi)
    return hue
