"""A flat colour stays the colour that was seen, whatever describes it, in every format."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from assetbank.media import icc, images
from tests.assetbank.media.pictures import (
    CASES,
    FLAT,
    by_vips,
    furthest,
    png_with,
    shown,
    written,
)

TOLERANCE = 3  # of 255
XYZ_OF_SRGB = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
# Matrices of linear RGB to XYZ, as published; sRGB's and Adobe's white is D65
XYZ_OF_P3 = np.array([[0.4866, 0.2657, 0.1982], [0.2290, 0.6917, 0.0793], [0, 0.0451, 1.0439]])
XYZ_OF_ADOBE = np.array(
    [[0.5767, 0.1856, 0.1882], [0.2973, 0.6274, 0.0753], [0.0270, 0.0707, 0.9911]]
)
XYZ_OF_2020 = np.array([[0.6370, 0.1446, 0.1689], [0.2627, 0.6780, 0.0593], [0, 0.0281, 1.0610]])
PRO_PHOTO = (0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001, 0.3457, 0.3585)


def linear(colour: tuple[int, ...] = FLAT) -> icc.Floats:
    values = np.array(colour) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def srgb(light: icc.Floats) -> icc.Floats:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def pq(light: icc.Floats) -> icc.Floats:
    """Return the signal of light, where 1 is the white of 203 nits."""
    power = (light * 203 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(light: icc.Floats) -> icc.Floats:
    scene = (light * 203 / 1000) ** (1 / 1.2)
    dark = np.sqrt(3 * scene)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, dark, bright)


def in_space(matrix: icc.Floats, curve: icc.Curve = srgb, top: int = 255) -> list[float]:
    """Return the signal of FLAT in a space with these primaries and this curve."""
    light = np.linalg.solve(matrix, XYZ_OF_SRGB @ linear()).clip(0, 1)
    return [float(value) for value in np.rint(curve(light) * top)]


def profile_of(name: str) -> bytes:
    """Return the profile of a space, with a name that says nothing."""
    gamma = icc.gamma_curve(563 / 256)
    return {
        "sRGB": lambda: icc.SRGB,
        "linear": lambda: icc.matrix_profile(icc.REC709, icc.gamma_curve(1)),
        "Display P3": lambda: icc.matrix_profile(icc.PRIMARIES[12], icc.srgb_curve),
        "P3 of libvips": lambda: bytes(pyvips.Operation.call("profile_load", "p3")),
        "Adobe RGB": lambda: icc.matrix_profile(icc.ADOBE_RGB, gamma),
        "ProPhoto RGB": lambda: icc.matrix_profile(PRO_PHOTO, icc.gamma_curve(1.8)),
    }[name]()


def values_in(name: str, top: int = 255) -> list[float]:
    """Return FLAT in a space, by lcms or by the published matrix."""
    match name:
        case "sRGB":
            return [value / 255 * top for value in FLAT]
        case "linear":
            return [float(value) for value in np.rint(linear() * top)]
        case "Display P3" | "P3 of libvips":
            return in_space(XYZ_OF_P3, srgb, top)
        case "Adobe RGB":
            return in_space(XYZ_OF_ADOBE, lambda light: light ** (256 / 563), top)
    # D50: adapted by lcms; it has 8 bits only
    patch = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), FLAT),
        ImageCms.createProfile("sRGB"),
        ImageCms.ImageCmsProfile(io.BytesIO(profile_of(name))),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    pixel = patch.getpixel((0, 0))  # type: ignore[union-attr]
    return [value / 255 * top for value in pixel]  # type: ignore[union-attr]


SPACES = ["sRGB", "linear", "Display P3", "P3 of libvips", "Adobe RGB", "ProPhoto RGB"]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_an_icc_profile_is_applied_whatever_its_name(fmt: str, space: str) -> None:
    colour = tuple(int(value) for value in values_in(space))
    lossless: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        "HEIF": {"quality": 100, "chroma": 444},
    }
    options = lossless.get(fmt, {})
    data = written(
        Image.new("RGB", (64, 48), colour), fmt, icc_profile=profile_of(space), **options
    )
    # One step of eight linear bits is five of sRGB where it is dark, and AVIF's YCbCr is one off
    assert furthest(data) <= (8 if (fmt, space) == ("AVIF", "linear") else TOLERANCE)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("fmt", ["png", "tiff"])
def test_profiles_of_sixteen_bits(fmt: str, space: str) -> None:
    values = values_in(space, 65535)
    data = by_vips(values, "rgb16", "ushort", fmt, profile=profile_of(space))
    assert furthest(data) <= TOLERANCE


def test_float_is_scaled_like_integers_and_converted_by_its_profile() -> None:
    plain = by_vips([value / 255 for value in FLAT], "scrgb", "float", "tiff")
    assert furthest(plain) <= TOLERANCE
    light = [float(value) for value in linear()]
    data = by_vips(light, "scrgb", "float", "tiff", profile=profile_of("linear"))
    assert furthest(data) <= TOLERANCE
    bright = by_vips([2 * value / 255 for value in (255, 60, 40)], "scrgb", "float", "tiff")
    assert furthest(bright, (255, 60, 40)) <= TOLERANCE, "the largest value is white"


@pytest.mark.parametrize(
    ("primaries", "transfer", "values"),
    [
        (1, 13, FLAT),
        (1, 1, FLAT),
        (2, 2, FLAT),
        (1, 8, linear() * 255),
        (1, 4, linear() ** (1 / 2.2) * 255),
        (12, 13, in_space(XYZ_OF_P3)),
        (9, 13, in_space(XYZ_OF_2020)),
        (9, 16, in_space(XYZ_OF_2020, pq)),
        (9, 18, in_space(XYZ_OF_2020, hlg)),
        (12, 16, in_space(XYZ_OF_P3, pq)),
    ],
)
class TestCodePoints:
    def test_of_a_png(self, primaries: int, transfer: int, values: list[float]) -> None:
        flat = Image.new("RGB", (64, 48), tuple(round(value) for value in values))
        data = png_with(written(flat, "PNG"), (b"cICP", bytes([primaries, transfer, 0, 1])))
        # One step of PQ or HLG in 8 bits is up to five of sRGB
        assert furthest(data) <= (TOLERANCE if transfer < 16 else 6)
        deep = by_vips([value * 257 for value in values], "rgb16", "ushort", "png")
        deep = png_with(deep, (b"cICP", bytes([primaries, transfer, 0, 1])))
        assert furthest(deep) <= (TOLERANCE if transfer < 16 else 6)

    @pytest.mark.parametrize("fmt", ["AVIF", "HEIF"])
    def test_of_nclx(self, fmt: str, primaries: int, transfer: int, values: list[float]) -> None:
        flat = Image.new("RGB", (64, 48), tuple(round(value) for value in values))
        options = {"subsampling": "4:4:4"} if fmt == "AVIF" else {"chroma": 444}
        data = written(flat, fmt, quality=100, **options)
        at = data.index(b"nclx") + 4
        data = data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]
        coarse = {8: 8, 16: 6, 18: 6}  # a step of eight bits, or two, in sRGB
        assert furthest(data) <= coarse.get(transfer, TOLERANCE)


def chunk_of_p3() -> tuple[bytes, bytes]:
    return b"cICP", bytes([12, 13, 0, 1])


CHROMA_OF_P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
GAMMA_OF_1 = struct.pack(">I", 100_000)


class TestPngPrecedence:
    """cICP, iCCP, sRGB, gAMA and cHRM: the first that is there counts."""

    def flat(self, values: list[float] | tuple[int, ...], profile: bytes = b"") -> bytes:
        picture = Image.new("RGB", (64, 48), tuple(round(value) for value in values))
        return written(picture, "PNG", **({"icc_profile": profile} if profile else {}))

    def test_cicp_before_a_profile(self) -> None:
        png = self.flat(in_space(XYZ_OF_P3), profile_of("linear"))
        assert furthest(png_with(png, chunk_of_p3())) <= TOLERANCE

    def test_a_cicp_that_is_not_known_says_nothing(self) -> None:
        png = self.flat(values_in("linear"), profile_of("linear"))
        assert furthest(png_with(png, (b"cICP", bytes([200, 13, 0, 1])))) <= TOLERANCE
        assert furthest(png_with(png, (b"cICP", bytes([12, 13, 5, 1])))) <= TOLERANCE

    def test_a_profile_before_srgb(self) -> None:
        png = self.flat(values_in("linear"), profile_of("linear"))
        assert furthest(png_with(png, (b"gAMA", struct.pack(">I", 45455)))) <= TOLERANCE

    def test_srgb_before_gamma_and_chroma(self) -> None:
        chunks = [(b"sRGB", b"\0"), (b"gAMA", GAMMA_OF_1), (b"cHRM", CHROMA_OF_P3)]
        assert furthest(png_with(self.flat(FLAT), *chunks)) <= TOLERANCE

    def test_gamma_and_chroma_together(self) -> None:
        values = in_space(XYZ_OF_P3, lambda light: light)
        chunks = [(b"gAMA", GAMMA_OF_1), (b"cHRM", CHROMA_OF_P3)]
        assert furthest(png_with(self.flat(values), *chunks)) <= TOLERANCE

    def test_chroma_alone(self) -> None:
        png = png_with(self.flat(in_space(XYZ_OF_P3)), (b"cHRM", CHROMA_OF_P3))
        assert furthest(png) <= TOLERANCE

    @pytest.mark.parametrize("exponent", [1.0, 1.8, 2.2])
    def test_gamma_alone_also_of_grey(self, exponent: float) -> None:
        gamma = (b"gAMA", struct.pack(">I", round(100_000 / exponent)))
        values = linear() ** (1 / exponent) * 255
        assert furthest(png_with(self.flat(list(values)), gamma)) <= TOLERANCE
        value = round(float(linear((130, 130, 130))[0] ** (1 / exponent) * 255))
        grey = written(Image.new("L", (64, 48), value), "PNG")
        assert furthest(png_with(grey, gamma), (130, 130, 130)) <= TOLERANCE

    @pytest.mark.parametrize(
        "chunk",
        [
            (b"gAMA", b"\0\0\0\0"),
            (b"gAMA", b"\0"),
            (b"cHRM", b"\0" * 32),
            (b"cHRM", b"\1"),
            (b"cICP", b""),
            (b"iCCP", b"name\0\0no zlib"),
        ],
    )
    def test_a_broken_description_refuses_nothing(self, chunk: tuple[bytes, bytes]) -> None:
        assert furthest(png_with(self.flat(FLAT), chunk)) <= TOLERANCE

    def test_narrow_range(self) -> None:
        values = [16 + value * 219 / 255 for value in FLAT]
        png = png_with(self.flat(values), (b"cICP", bytes([1, 13, 0, 0])))
        assert furthest(png) <= TOLERANCE


def grey_profile(exponent: float) -> bytes:
    """Return a grey profile: a white point and a curve."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, len(curve))
    size = 176 + len(curve)
    head = struct.pack(">I4sI4s4s4s", size, b"", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp").ljust(44, b"\0") + white[8:]
    return head.ljust(128, b"\0") + tags + white + curve


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_by_a_profile_of_grey_or_of_rgb(mode: str) -> None:
    value = round(float(linear((130, 130, 130))[0]) * 255)
    fill = value if mode == "L" else (value, 255)
    picture = Image.new(mode, (64, 48), fill)
    for profile in (grey_profile(1.0), profile_of("linear")):
        data = written(picture, "PNG", icc_profile=profile)
        assert furthest(data, (130, 130, 130)) <= TOLERANCE
    deep = by_vips(
        [float(linear((130, 130, 130))[0]) * 65535],
        "grey16",
        "ushort",
        "tiff",
        profile=grey_profile(1.0),
    )
    assert furthest(deep, (130, 130, 130)) <= TOLERANCE


CMYK = (40, 180, 200, 20)
DEVICE = tuple(round((255 - ink) * (255 - CMYK[3]) / 255) for ink in CMYK[:3])


@pytest.mark.parametrize("fmt", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_is_device_cmyk(fmt: str) -> None:
    """Pillow writes JPEGs as Adobe does, inverted."""
    options = {"quality": 100} if fmt == "JPEG" else {}
    assert furthest(written(Image.new("CMYK", (64, 48), CMYK), fmt, **options), DEVICE) <= 3
    if fmt == "TIFF":
        deep = [value * 257.0 for value in CMYK]
        assert furthest(by_vips(deep, "cmyk", "ushort", "tiff"), DEVICE) <= TOLERANCE


@pytest.mark.parametrize("fmt", ["JPEG", "TIFF"])
def test_cmyk_by_its_profile(fmt: str) -> None:
    profile = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    expected = ImageCms.profileToProfile(
        Image.new("CMYK", (1, 1), CMYK),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    colour = expected.getpixel((0, 0))  # type: ignore[union-attr]
    options = {"quality": 100} if fmt == "JPEG" else {}
    data = written(Image.new("CMYK", (64, 48), CMYK), fmt, icc_profile=profile, **options)
    assert furthest(data, colour) <= TOLERANCE  # type: ignore[arg-type]
    assert np.abs(np.array(colour) - DEVICE).max() > 10, "it makes a difference"


def test_lab_of_eight_sixteen_and_float_bits() -> None:
    eight = ImageCms.profileToProfile(
        Image.new("RGB", (64, 48), FLAT),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert eight
    assert furthest(written(eight, "TIFF")) <= TOLERANCE
    flat = (pyvips.Image.black(64, 48, bands=3) + FLAT).cast("uchar").copy(interpretation="srgb")
    lab = flat.icc_import(input_profile="srgb", pcs="lab", intent="relative")  # of D50
    for kind in ("labs", "lab"):
        assert furthest(lab.colourspace(kind).tiffsave_buffer()) <= TOLERANCE


@pytest.mark.parametrize("fmt", ["PNG", "GIF", "TIFF"])
def test_palettes(fmt: str) -> None:
    picture = Image.new("P", (64, 48), 1)
    picture.putpalette([0, 0, 0, *FLAT, 9, 9, 9])
    assert furthest(written(picture, fmt)) <= TOLERANCE


@pytest.mark.parametrize("fmt", ["PNG", "GIF"])
def test_palettes_with_transparency(fmt: str) -> None:
    picture = Image.new("P", (64, 48), 1)
    picture.putpalette([0, 0, 0, *FLAT, 9, 9, 9])
    picture.paste(0, (0, 0, 20, 48))
    data = written(picture, fmt, transparency=0)
    assert furthest(data) <= TOLERANCE
    preview = Image.open(io.BytesIO(images.examine(data).renditions["preview"]))
    assert preview.getpixel((4, 20))[3] == 0  # type: ignore[index]


def test_a_camera_that_says_adobe_rgb_in_exif_alone_is_believed() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA001: 0xFFFF, 0xA005: {1: "R03"}})
    colour = tuple(int(value) for value in values_in("Adobe RGB"))
    data = written(Image.new("RGB", (64, 48), colour), "JPEG", quality=100, exif=exif)
    assert furthest(data) <= TOLERANCE


@pytest.mark.parametrize("profile", [b"garbage" * 40, b"\0" * 200, icc.SRGB[:200]])
@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_broken_profile_is_ignored(fmt: str, profile: bytes) -> None:
    options = {"quality": 100} if fmt in {"JPEG", "AVIF", "HEIF"} else {}
    options = {"lossless": True} if fmt == "WEBP" else options
    data = written(Image.new("RGB", (64, 48), FLAT), fmt, icc_profile=profile, **options)
    assert furthest(data) <= TOLERANCE


def test_a_profile_of_another_kind_of_picture_is_ignored() -> None:
    profile = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    data = written(Image.new("RGB", (64, 48), FLAT), "PNG", icc_profile=profile)
    assert furthest(data) <= TOLERANCE


def test_what_is_rendered_says_srgb() -> None:
    data = (CASES / "cicp_p3.png").read_bytes()
    files = [*images.examine(data).renditions.values()]
    files += [images.render(data, fmt=fmt, side=100) for fmt in images.OUTPUT_FORMATS]
    for file in files:
        profile = Image.open(io.BytesIO(file)).info["icc_profile"]
        assert len(profile) < 1_000
        assert icc.is_srgb(profile)


def test_the_same_colour_is_seen_everywhere() -> None:
    assert len(shown((CASES / "plain.png").read_bytes())) == 8
