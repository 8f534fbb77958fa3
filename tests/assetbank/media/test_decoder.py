"""Expensive and damaged pictures, decoded as the library does it."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from PIL import Image
from pytest_django import Settings

from assetbank.errors import PictureRefused, PictureTooLarge
from assetbank.media import decoder, images
from assetbank.media.decoding import Pixels, Pool
from tests.conftest import picture_bytes
from tests.support.hostile_pictures import many_scans, png_bomb

MB = 2**20


def test_a_picture_comes_out_as_it_does_in_this_process() -> None:
    data = picture_bytes(size=(900, 600), fmt="JPEG")
    assert decoder.examine(data) == images.examine(data)
    assert decoder.extract_features(data) == images.extract_features(data)
    rendered = decoder.render(data, fmt="PNG", side=300)
    with Image.open(io.BytesIO(rendered)) as image:
        assert image.size == (300, 200)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF", "JPEG2000", "GIF"])
def test_every_format_is_decoded_inside_the_sandbox(fmt: str) -> None:
    data = picture_bytes((200, 30, 40), size=(300, 200), fmt=fmt)
    shown = decoder.load_rgb(io.BytesIO(data), side=100).resize((1, 1)).tobytes()
    assert sum(abs(a - b) for a, b in zip(shown, (200, 30, 40), strict=True)) < 15


def test_loaded_pictures_are_reduced_but_keep_the_side() -> None:
    data = picture_bytes(size=(3000, 1000))
    assert decoder.load_rgb(io.BytesIO(data), side=300).size == (1000, 333)
    assert decoder.load_rgb(io.BytesIO(data), side=2000).size == (3000, 1000)


def test_errors_are_those_of_the_functions_themselves(settings: Settings) -> None:
    with pytest.raises(PictureRefused, match="not a supported image"):
        decoder.examine(b"plain text")
    with pytest.raises(PictureRefused, match="damaged"):
        decoder.examine(picture_bytes(size=(900, 600), fmt="JPEG")[:2000])
    settings.MAX_PIXELS = 1000
    with pytest.raises(PictureTooLarge, match="maximum"):
        decoder.examine(picture_bytes(size=(90, 60)))


@pytest.mark.slow
def test_a_jpeg_of_3000_scans_is_refused() -> None:
    data = many_scans()
    assert len(data) < MB
    decoder.examine(picture_bytes())
    (pid,) = decoder.pool().processes()
    before = sum(psutil.Process(pid).cpu_times()[:2])
    for refused in (decoder.examine, decoder.extract_features):
        with pytest.raises(PictureRefused):
            refused(data)
    assert sum(psutil.Process(pid).cpu_times()[:2]) - before < 2


@pytest.mark.slow
def test_a_picture_costs_no_more_than_its_budget(settings: Settings) -> None:
    settings.DECODE_SECONDS = 1
    data = png_bomb(mode="RGBA")
    before = cpu_seconds()
    with pytest.raises(PictureTooLarge, match="takes more than 1 second"):
        decoder.render(data, fmt="WEBP", side=8000)
    assert cpu_seconds() - before < 0.5  # of this process
    assert decoder.examine(picture_bytes()).width == 80


@pytest.mark.slow
def test_four_bombs_at_once_leave_this_process_as_it_was() -> None:
    data = png_bomb()
    assert len(data) < MB
    decoder.examine(picture_bytes())
    before = psutil.Process().memory_info().rss
    with ThreadPoolExecutor(4) as threads:
        facts = list(threads.map(decoder.examine, [data] * 4))
    assert {each.width for each in facts} == {10_900}
    assert psutil.Process().memory_info().rss - before < 100 * MB
    decoders = [psutil.Process(pid) for pid in decoder.pool().processes()]
    assert all(each.memory_info().rss < 300 * MB for each in decoders)


@pytest.mark.slow
def test_a_process_that_is_forked_has_decoders_of_its_own() -> None:
    """gunicorn forks its workers from a process that may have decoded before."""
    decoder.examine(picture_bytes())
    mine = decoder.pool().processes()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            decoder.examine(picture_bytes())
            os.write(write, b" ".join(str(pid).encode() for pid in decoder.pool().processes()))
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    theirs = [int(pid) for pid in os.read(read, 1000).split()]
    os.close(read)
    assert theirs
    assert not {*theirs} & {*mine}
    assert decoder.examine(picture_bytes()).width == 80
    assert decoder.pool().processes() == mine


def test_a_result_that_no_picture_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that was taken over may send anything of the right type."""
    good = images.examine(picture_bytes())
    for change in (
        {"mime": "text/html"},
        {"width": 0},
        {"width": 10**9},
        {"colours": ("<script>",)},
        {"renditions": {"grid": b""}},
    ):
        bad = images.ImageFacts(**{**vars(good), **change})
        monkeypatch.setattr(Pool, "run", lambda *_, bad=bad, **__: bad)
        with pytest.raises(PictureRefused, match="its decoder failed"):
            decoder.examine(b"")
    monkeypatch.setattr(Pool, "run", lambda *_, **__: Pixels(9, 9, b"short"))
    with pytest.raises(PictureRefused, match="its decoder failed"):
        decoder.load_rgb(io.BytesIO(b""), side=9)


def cpu_seconds() -> float:
    used = psutil.Process().cpu_times()
    return float(used.user + used.system)


def test_pixels_become_the_picture_again() -> None:
    picture = Image.effect_noise((64, 48), 90).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    assert decoder.load_rgb(buffer, side=48).tobytes() == picture.tobytes()
