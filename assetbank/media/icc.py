"""ICC profiles: made of primaries and a transfer curve, and compared with sRGB.

Every description of colour becomes a profile, so that one function converts them all. Numbers are
those of ITU-T H.273, as in nclx (HEIF, AVIF) and cICP (PNG).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyvips
from PIL import Image, ImageCms

Floats = npt.NDArray[np.float64]
Curve = Callable[[Floats], Floats]  # of a signal of 0 to 1 to linear light
Primaries = tuple[float, float, float, float, float, float, float, float]  # x, y: red, green, …

SRGB: bytes = bytes(pyvips.Operation.call("profile_load", "srgb"))  # 480 bytes, public domain
D65 = (0.3127, 0.3290)
REC709: Primaries = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *D65)
ADOBE_RGB: Primaries = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *D65)
PRIMARIES: dict[int, Primaries] = {
    1: REC709,
    2: REC709,  # unspecified
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *D65),
}
# The curves of television are shown on displays that are nearly sRGB, and are treated as sRGB
LIKE_SRGB = {1, 2, 6, 7, 11, 12, 13, 14, 15}
LINEAR, PQ, HLG = 8, 16, 18
GAMMAS = {4: 2.2, 5: 2.8, 17: 2.6}
REFERENCE_WHITE, PEAK = 203.0, 1000.0  # nits of white in HDR (ITU-R BT.2408), and of what is shown
KNEE = 0.5  # linear light that tone mapping leaves alone; 1 is REFERENCE_WHITE
ENTRIES = 4096  # of a curve

BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
D50 = np.array([0.9642, 1.0, 0.8249])


def from_code_points(primaries: int, transfer: int, *, full_range: bool = True) -> bytes | None:
    """Return the profile of H.273 numbers; None if one of them is not known."""
    curve = _curve(transfer)
    if primaries not in PRIMARIES or curve is None:
        return None
    if PRIMARIES[primaries] == REC709 and transfer in LIKE_SRGB and full_range:
        return SRGB
    if full_range:
        return matrix_profile(PRIMARIES[primaries], curve)
    return matrix_profile(
        PRIMARIES[primaries], lambda signal: curve(((signal * 255 - 16) / 219).clip(0, 1))
    )


def matrix_profile(primaries: Primaries, curve: Curve) -> bytes:
    """Return an RGB profile."""
    table = curve(np.linspace(0, 1, ENTRIES)).clip(0, 1)
    entries = np.rint(table * 65535).astype(">u2").tobytes()
    trc = b"curv\0\0\0\0" + struct.pack(">I", ENTRIES) + entries
    bodies = {b"wtpt": _xyz(D50)}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _matrix(primaries).T, strict=True):
        bodies[name] = _xyz(column)
    offset = 128 + 4 + 12 * (len(bodies) + 3)
    index, data = b"", b""
    for name, body in bodies.items():
        index += struct.pack(">4sII", name, offset + len(data), len(body))
        data += body
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        index += struct.pack(">4sII", name, offset + len(data), len(trc))
    size = offset + len(data) + len(trc)
    header = struct.pack(">I4sI4s4s4s", size, b"", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp").ljust(44, b"\0") + _xyz(D50)[8:]
    profile: bytes = (
        header.ljust(128, b"\0") + struct.pack(">I", len(bodies) + 3) + index + data + trc
    )
    return profile


def gamma_curve(exponent: float) -> Curve:
    """Return the curve signal ** exponent."""
    return lambda signal: signal**exponent


def srgb_curve(signal: Floats) -> Floats:
    """Return the linear light of an sRGB signal."""
    linear: Floats = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return linear


def colour_space(profile: bytes) -> bytes:
    """Return the four letters of what a profile describes: b"RGB ", b"GRAY", b"CMYK", …"""
    return profile[16:20] if profile[36:40] == b"acsp" else b""


@lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    """Return whether an RGB profile leaves the colours of sRGB as they are, whatever its name."""
    if profile == SRGB:
        return True
    if colour_space(profile) != b"RGB ":
        return False
    steps = np.linspace(0, 255, 6).round()
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).astype(np.uint8).reshape(1, -1, 3)
    try:
        converted = ImageCms.profileToProfile(
            Image.fromarray(grid),
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except Exception:  # Pillow raises its own errors and OSError; a broken profile is no sRGB
        return False
    return int(np.abs(np.asarray(converted).astype(int) - grid).max()) <= 1


def _curve(transfer: int) -> Curve | None:
    if transfer in LIKE_SRGB:
        return srgb_curve
    if transfer in GAMMAS:
        return gamma_curve(GAMMAS[transfer])
    return {LINEAR: gamma_curve(1.0), PQ: _pq, HLG: _hlg}.get(transfer)


def _pq(signal: Floats) -> Floats:
    """Return tone-mapped light of SMPTE ST 2084."""
    power = signal ** (1 / 78.84375)
    light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return _tone_mapped(10_000 * light ** (1 / 0.1593017578125))


def _hlg(signal: Floats) -> Floats:
    """Return tone-mapped light of ARIB STD-B67 on a display of PEAK, each channel by itself."""
    scene = np.where(
        signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return _tone_mapped(PEAK * scene**1.2)


def _tone_mapped(nits: Floats) -> Floats:
    """Return light of 0 to 1: up to KNEE as it is, from there to PEAK by Reinhard's curve."""
    light = nits / REFERENCE_WHITE
    above = np.maximum(light - KNEE, 0) / (1 - KNEE)
    top = (PEAK / REFERENCE_WHITE - KNEE) / (1 - KNEE)
    rolled = KNEE + (1 - KNEE) * above * (1 + above / top**2) / (1 + above)
    mapped: Floats = np.where(light <= KNEE, light, rolled)
    return mapped.clip(0, 1)


def _matrix(primaries: Primaries) -> Floats:
    """Return the matrix of linear RGB to XYZ, adapted to D50."""
    xy = np.reshape(primaries, (4, 2)).astype(float)
    if not xy.all():
        raise ValueError("a coordinate is zero")
    xyz = np.column_stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    white = xyz[3]
    matrix = xyz[:3].T * np.linalg.solve(xyz[:3].T, white)
    cones = np.diag((BRADFORD @ D50) / (BRADFORD @ white))
    adapted: Floats = np.linalg.inv(BRADFORD) @ cones @ BRADFORD @ matrix
    return adapted


def _xyz(values: Floats) -> bytes:
    fixed = (round(float(value) * 65536) for value in values)
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *fixed)
