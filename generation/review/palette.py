"""How much of a picture is clearly coloured in a way that a brand's palette does not have.

Taken in OKLab, as in `assetbank.colours`. A colour belongs to the palette when it is near one of
its colours, or is a shade or tint of it: light and folds change lightness, and hardly the hue.
Never judged: greys, what is nearly black or white, and the hues of skin, wood and sand while they
are muted, since people and rooms are in most pictures and in no palette.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from assetbank.media import colours

SIDE = 96  # pixels of the longest side that are looked at
CLEAR = 0.06  # chroma from which a colour is a colour; the strongest there are have 0.32
DARK, BRIGHT = 0.25, 0.97  # lightness beyond which nobody names a hue
SAME_HUE = math.radians(16)
SKIN_HUES = (math.radians(25), math.radians(95))
SKIN_CHROMA = 0.12
AREA = 0.04  # share of the picture from which an area is large enough to be named
TOTAL = 0.08  # share of the picture from which it is worth a finding


@dataclass(frozen=True)
class OffPalette:
    """What the palette does not have: its share of the picture (0 to 1), and its colours, each a
    word, an example like "#2f9548" and a share; the largest first."""

    share: float
    areas: list[tuple[str, str, float]]


def off_palette(picture: Image.Image, palette: Sequence[str]) -> OffPalette | None:
    """None where the picture keeps to the palette, or where there is none to keep to."""
    if not palette:
        return None
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    rgb = np.asarray(small).reshape(-1, 3)
    lab = colours.oklab(rgb)
    outside = _judged(lab) & ~_of(lab, palette)
    share = float(outside.mean())
    if share < TOTAL:
        return None
    areas = [area for area in _areas(rgb[outside], lab[outside], len(rgb)) if area[2] >= AREA]
    return OffPalette(share, areas) if areas else None


def off_palette_sentence(found: OffPalette) -> str:
    said = [
        f"{'an' if word[0] in 'aeiou' else 'a'} {word} ({example})"
        for word, example, _ in found.areas[:3]
    ]
    listed = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
    are = "that is" if len(said) == 1 else "that are"
    return f"{found.share:.0%} of the image is {listed} {are} not in the palette."


def _judged(lab: colours.Floats) -> npt.NDArray[np.bool_]:
    """Of [n, 3]: which pixels have a colour that somebody would name."""
    lightness, chroma, hue = lab[:, 0], _chroma(lab), _hue(lab)
    skin = (hue >= SKIN_HUES[0]) & (hue <= SKIN_HUES[1]) & (chroma < SKIN_CHROMA)
    clear = (chroma >= CLEAR) & (lightness >= DARK) & (lightness <= BRIGHT)
    judged: npt.NDArray[np.bool_] = clear & ~skin
    return judged


def _of(lab: colours.Floats, palette: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Of [n, 3]: which pixels are a colour of the palette, or a shade or tint of one."""
    found = np.zeros(len(lab), bool)
    for colour in palette:
        own = colours.oklab(list(bytes.fromhex(colour[1:])))[None]
        away = (lab - own) * [colours.LIGHTNESS, 1.0, 1.0]
        found |= np.linalg.norm(away, axis=1) <= colours.RADIUS
        if _chroma(own)[0] >= CLEAR:
            turn = np.abs(_hue(lab) - _hue(own))
            found |= np.minimum(turn, 2 * math.pi - turn) <= SAME_HUE
    return found


def _areas(
    rgb: npt.NDArray[np.uint8], lab: colours.Floats, pixels: int
) -> list[tuple[str, str, float]]:
    """By the word that people have for the colour: first of all that is its hue."""
    named = [each for each in colours.SWATCHES if each[0] not in ("white", "grey", "black")]
    words = [word for word, _ in named]
    swatches = colours.oklab([list(bytes.fromhex(colour[1:])) for _, colour in named])
    turn = np.abs(_hue(lab)[:, None] - _hue(swatches)[None])
    turn = np.minimum(turn, 2 * math.pi - turn)
    lighter = np.abs(lab[:, None, 0] - swatches[None, :, 0])
    stronger = np.abs(_chroma(lab)[:, None] - _chroma(swatches)[None])
    nearest = (turn + lighter / 2 + stronger).argmin(axis=1)
    found = []
    for number in np.unique(nearest):
        of_it = rgb[nearest == number]
        example = "#" + bytes(int(value) for value in np.median(of_it, axis=0)).hex()
        found.append((words[number], example, len(of_it) / pixels))
    return sorted(found, key=lambda area: -area[2])


def _chroma(lab: colours.Floats) -> colours.Floats:
    chroma: colours.Floats = np.hypot(lab[:, 1], lab[:, 2])
    return chroma


def _hue(lab: colours.Floats) -> colours.Floats:
    """0 to 2 pi; red is near 0.5."""
    hue: colours.Floats = np.arctan2(lab[:, 2], lab[:, 1]) % (2 * math.pi)
    return hue
