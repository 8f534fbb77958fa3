"""Colours of any description become sRGB of 8 bits.

Described by ICC profiles, in the order of their precedence. Without one: RGB is sRGB, grey has its
curve, Lab is absolute, and CMYK is turned into RGB by the formula of device CMYK, as browsers do.
"""

from __future__ import annotations

import pyvips

from assetbank.media import icc

BANDS = {"srgb": 3, "rgb": 3, "rgb16": 3, "scrgb": 3, "cmyk": 4, "b-w": 1, "grey16": 1}
LAB = {"lab", "labs", "labq"}
SPACES = {b"RGB ": 3, b"GRAY": 1, b"CMYK": 4}  # colour space of a profile -> bands


def colour_bands(image: pyvips.Image) -> int:
    """Return how many bands are colour; one after these is transparency."""
    if image.interpretation in LAB:
        return min(3, int(image.bands))
    known = BANDS.get(image.interpretation, 1 if image.bands < 3 else 3)
    return min(known, int(image.bands))


def reduced(image: pyvips.Image, width: int, height: int) -> pyvips.Image:
    """Return the image at a smaller size; transparent pixels do not tint those beside them."""
    if (image.width, image.height) == (width, height):
        return image
    across, scale = width / image.width, {"vscale": height / image.height, "kernel": "cubic"}
    if image.bands == colour_bands(image):
        return image.resize(across, **scale)
    # In the stored format: floats take four times the memory, and twice the time
    stored, top = image.format, _top(image)
    multiplied = _rounded(image.premultiply(max_alpha=top), stored)
    smaller = multiplied.resize(across, **scale)
    return _rounded(smaller.unpremultiply(max_alpha=top), stored)


def _rounded(image: pyvips.Image, stored: str) -> pyvips.Image:
    return (image + 0.5 if stored in {"uchar", "ushort"} else image).cast(stored)


def to_srgb(image: pyvips.Image, profiles: list[bytes]) -> tuple[pyvips.Image, bool]:
    """Return the image in sRGB, 8 bits, three bands, or four if some of it is transparent; and
    whether its colours had to be converted."""
    image = _sixteen_bits(image)
    bands = colour_bands(image)
    colours, alpha = image[:bands] if image.bands > bands else image, None
    if image.bands > bands:
        image = image.copy_memory()
        alpha = _eight_bits(image[bands])
        alpha = None if alpha.min() == 255 else alpha
        colours = image[:bands]
    converted = _converted(colours, profiles)
    result = converted if converted is not None else _default(colours)
    changed = converted is not None or bands == 4 or image.interpretation in LAB
    result = result.copy(interpretation="srgb")
    return (result if alpha is None else result.bandjoin(alpha)), changed


def _converted(colours: pyvips.Image, profiles: list[bytes]) -> pyvips.Image | None:
    """Return the colours by the first profile that fits them; None: they are sRGB, or have none."""
    if colours.interpretation in LAB:
        return None
    for profile in profiles:
        if icc.is_srgb(profile):
            return None
        fitting = _fitting(colours, SPACES.get(icc.colour_space(profile), 0))
        if fitting is None:
            continue
        described = fitting.copy()
        described.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
        try:
            return described.icc_transform(
                "srgb", embedded=True, intent="relative", black_point_compensation=True, depth=8
            )
        except pyvips.Error:  # a broken profile does not make the pixels unusable
            continue
    return None


def _fitting(colours: pyvips.Image, bands: int) -> pyvips.Image | None:
    """Return the colours with the bands of a profile: grey may be described by one of RGB."""
    if colours.bands == bands:
        return colours
    if colours.bands == 1 and bands == 3:
        return _tripled(colours)
    return None


def _default(colours: pyvips.Image) -> pyvips.Image:
    """Return colours that no profile describes as sRGB."""
    if colours.interpretation in LAB:  # that of D50, as in profiles; libvips' own is of D65
        return colours.colourspace("lab").icc_export(
            output_profile="srgb", pcs="lab", intent="relative", depth=8
        )
    colours = _eight_bits(colours)
    if colours.bands == 4:
        ink = 255 - colours[3]
        return ((255 - colours[:3]) * ink / 255 + 0.5).cast("uchar")
    return _tripled(colours) if colours.bands < 3 else colours


def _tripled(grey: pyvips.Image) -> pyvips.Image:
    kind = "rgb16" if grey.format == "ushort" else "srgb"
    return grey[0].bandjoin([grey[0], grey[0]]).copy(interpretation=kind)


def _eight_bits(image: pyvips.Image) -> pyvips.Image:
    return image.cast("uchar", shift=True) if image.format == "ushort" else image.cast("uchar")


def _sixteen_bits(image: pyvips.Image) -> pyvips.Image:
    """Return an image of floats or of wide integers as 16 bits; others and Lab as they are.

    Floats of 0 to 1 are values as integers would be; if there are larger ones, the largest is
    white. Integers of 32 bits are taken as 8 or 16 bits if none is larger.
    """
    if image.interpretation in LAB or image.format in {"uchar", "ushort"}:
        return image
    image = image.copy_memory()
    bands = colour_bands(image)
    largest = float(image[:bands].max())
    if image.format in {"float", "double"}:
        top = max(1.0, largest)
    else:
        top = next((top for top in (255.0, 65535.0) if largest <= top), largest)
    kinds = {1: "grey16", 3: "rgb16", 4: "cmyk"}
    scaled = image[:bands] * (65535 / top)
    if image.bands > bands:
        scaled = scaled.bandjoin(image[bands] * (65535 / _top(image)))
    return (scaled + 0.5).cast("ushort").copy(interpretation=kinds[bands])


def _top(image: pyvips.Image) -> float:
    """Return the value of alpha that is opaque."""
    return {"uchar": 255.0, "ushort": 65535.0, "uint": 2.0**32 - 1}.get(image.format, 1.0)
