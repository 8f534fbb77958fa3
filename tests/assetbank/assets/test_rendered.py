"""Originals in other sizes and formats: how often they are decoded, and how long they are kept."""

from __future__ import annotations

import datetime
import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from assetbank.assets import downloads, rendered
from assetbank.errors import TooManyAttempts
from assetbank.locks import session_lock
from assetbank.media import decoder
from assetbank.models import RENDITION_RULES, Asset, RenderedFile
from tests.conftest import Cast, picture_bytes
from tests.support.trash import delete_asset, delete_waiting_files

MakeAsset = Callable[..., Asset]


class Decoded:
    """Sizes of the files that were given to the decoder."""

    def __init__(self) -> None:
        self.sides: list[int] = []
        self._render = decoder.render

    def render(self, data: bytes, **options: object) -> bytes:
        with Image.open(io.BytesIO(data)) as image:
            self.sides.append(max(image.size))
        return self._render(data, **options)  # type: ignore[arg-type]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    """Count what is decoded; it is decoded all the same."""
    counted = Decoded()
    monkeypatch.setattr(decoder, "render", counted.render)
    return counted


def size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def test_a_download_is_rendered_once(make_asset: MakeAsset, decoded: Decoded) -> None:
    asset = make_asset(file=picture_bytes(size=(2000, 1000)))
    first, second = (downloads.render_download(asset=asset, fmt="jpeg", side=800) for _ in range(2))
    assert first == second
    assert size(first.data) == (800, 400)
    assert decoded.sides == [2000]


def test_metadata_is_that_of_the_moment_of_the_download(
    make_asset: MakeAsset, decoded: Decoded
) -> None:
    asset = make_asset(file=picture_bytes(size=(2000, 1000)), credit="Ana")
    first = downloads.render_download(asset=asset, fmt="jpeg", side=800)
    asset.credit = "Ben"
    second = downloads.render_download(asset=asset, fmt="jpeg", side=800)
    assert b"Ana" in first.data
    assert b"Ben" in second.data
    assert b"Ana" not in second.data
    assert decoded.sides == [2000]


def test_any_side_is_had_but_the_original_is_decoded_once_for_all_of_a_step(
    make_asset: MakeAsset, decoded: Decoded
) -> None:
    asset = make_asset(file=picture_bytes(size=(2000, 1000)))
    for side in (1002, 1004, 1006, 1500):
        data = rendered.render(asset=asset, fmt="JPEG", side=side, by=None)
        assert size(data) == (side, side // 2)
    assert decoded.sides == [2000, 1600, 1600, 1600, 1600]
    assert size(rendered.render(asset=asset, fmt="PNG", side=1600, by=None)) == (1600, 800)
    assert len(decoded.sides) == 5
    rendered.render(asset=asset, fmt="WEBP", side=1700, by=None)
    assert decoded.sides[5:] == [2000, 2000]


@pytest.mark.django_db(transaction=True)
def test_the_same_download_at_once_is_rendered_once(
    make_asset: MakeAsset, decoded: Decoded
) -> None:
    asset = make_asset(file=picture_bytes(size=(2000, 1000)))

    def ask(_: int) -> bytes:
        try:
            return rendered.render(asset=asset, fmt="JPEG", side=800, by=None)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(ask, range(4)))) == 1
    assert decoded.sides == [2000]


@pytest.mark.django_db(transaction=True)
def test_a_user_has_two_files_rendered_at_once_and_the_next_waits(
    cast: Cast, make_asset: MakeAsset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendered, "WAIT_SECONDS", 0.3)
    asset = make_asset(file=picture_bytes(size=(2000, 1000)))
    held, done = threading.Barrier(2), threading.Event()

    def hold() -> None:
        try:
            with (
                session_lock(f"render-for-{cast.creator.pk}-0", wait=True),
                session_lock(f"render-for-{cast.creator.pk}-1", wait=True),
            ):
                held.wait()
                done.wait()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(hold)
        held.wait()
        with pytest.raises(TooManyAttempts, match="2 downloads of yours"):
            rendered.render(asset=asset, fmt="JPEG", side=800, by=cast.creator)
        assert rendered.render(asset=asset, fmt="JPEG", side=800, by=cast.manager)
        # what is kept already costs nothing
        assert rendered.render(asset=asset, fmt="JPEG", side=800, by=cast.creator)
        done.set()


def test_a_file_that_the_storage_lost_is_rendered_again(
    make_asset: MakeAsset, decoded: Decoded
) -> None:
    asset = make_asset(file=picture_bytes(size=(2000, 1000)))
    first = rendered.render(asset=asset, fmt="JPEG", side=800, by=None)
    default_storage.delete(RenderedFile.objects.get().path)
    assert rendered.render(asset=asset, fmt="JPEG", side=800, by=None) == first
    assert len(decoded.sides) == 2
    assert default_storage.exists(RenderedFile.objects.get().path)


def test_they_are_deleted_with_their_asset(
    make_asset: MakeAsset, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    asset = make_asset(file=picture_bytes(size=(2000, 1000)))
    rendered.render(asset=asset, fmt="JPEG", side=900, by=None)
    kept = rendered.paths(asset.checksum)
    assert len(kept) == 2
    delete_asset(asset=asset)
    delete_waiting_files()
    assert not any(map(default_storage.exists, kept))
    assert rendered.delete_unused() == 2
    assert not RenderedFile.objects.exists()


def test_what_is_old_or_too_much_is_deleted(make_asset: MakeAsset, settings: Settings) -> None:
    asset = make_asset(file=picture_bytes(size=(2000, 1000)))
    for place, fmt in enumerate(("JPEG", "PNG", "WEBP")):
        rendered.render(asset=asset, fmt=fmt, side=800, by=None)
        used = timezone.now() - datetime.timedelta(days=20 - place)
        RenderedFile.objects.filter(options__startswith=fmt.lower()).update(used_at=used)
    kept = {row.options.partition("-")[0]: row for row in RenderedFile.objects.all()}
    assert rendered.delete_unused() == 0
    settings.DOWNLOAD_CACHE_BYTES = kept["png"].bytes + kept["webp"].bytes
    assert rendered.delete_unused() == 1
    assert not default_storage.exists(kept["jpeg"].path)
    settings.DOWNLOAD_CACHE_DAYS = 18
    cache.clear()  # which remembers for an hour that the use was noted
    rendered.render(asset=asset, fmt="PNG", side=800, by=None)
    settings.DOWNLOAD_CACHE_DAYS = 10
    assert rendered.delete_unused() == 1
    assert [row.options for row in RenderedFile.objects.all()] == [f"png-800-r{RENDITION_RULES}"]


def test_without_a_cache_downloads_are_rendered_each_time(
    make_asset: MakeAsset, settings: Settings, decoded: Decoded
) -> None:
    settings.DOWNLOAD_CACHE_BYTES = 0
    asset = make_asset(file=picture_bytes(size=(2000, 1000)))
    for _ in range(2):
        assert rendered.render(asset=asset, fmt="JPEG", side=800, by=None)
    assert len(decoded.sides) == 2
    assert not RenderedFile.objects.exists()
