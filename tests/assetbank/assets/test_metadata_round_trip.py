"""Photographs with written metadata go in, out in each format, and in again: nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from assetbank.assets import downloads, ingest_asset, read_original
from assetbank.models import Asset, Brand
from tests.conftest import Cast
from tests.support import exiftool, written_metadata

FIELDS = (
    *("title", "description", "headline", "alt_text", "extended_description", "creator", "city"),
    *("country", "captured_at", "captured_offset", "rating", "licence", "credit", "copyright"),
    *("usage_terms", "licensor_url", "terms_to_check"),
)
FORMATS = ("original", *downloads.FORMATS)


def said_of(asset: Asset) -> dict[str, Any]:
    """Return what is known about an asset from its file, with coordinates to a metre."""
    place = [round(each, 5) for each in (asset.latitude, asset.longitude) if each is not None]
    values = {name: getattr(asset, name) for name in FIELDS}
    return {**values, "tags": asset.tag_names, "place": place}


def lost_on_the_way(cast: Cast, paths: Iterable[Path], side: int | None = None) -> list[str]:
    """Return what changed of files that came in, left in each format, and came in again."""
    brands = {name: Brand.objects.create(name=name, slug=name) for name in FORMATS}
    lost = []
    for path in paths:
        given = ingest_asset(
            brand=cast.acme, file=path.read_bytes(), filename=path.name, by=cast.creator
        ).asset
        before = said_of(given)
        assert "Line two" in before["description"]
        for name in FORMATS:
            if name == "original":
                data, filename = read_original(given), given.filename
            else:
                sent = downloads.render_download(asset=given, fmt=name, side=side)
                data, filename = sent.data, sent.filename
            again = ingest_asset(brand=brands[name], file=data, filename=filename, by=None).asset
            after = said_of(again)
            lost += [
                f"{path.name} as {name}: {key} {before[key]!r} -> {after[key]!r}"
                for key in before
                if before[key] != after[key]
            ]
    return lost


def photographs(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Return pictures with metadata, in the formats that libraries hold."""
    paths = []
    folder.mkdir()
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), np.uint8)
        extension = ("jpg", "jpg", "png", "webp", "tif")[number % 5]
        paths.append(folder / f"picture {number}.{extension}")
        Image.fromarray(noise).save(paths[-1])
    written_metadata.write(paths)
    return paths


@pytest.fixture
def _exiftool() -> None:
    exiftool.require()


@pytest.mark.usefixtures("_exiftool")
def test_nothing_is_lost_of_a_handful(cast: Cast, tmp_path: Path) -> None:
    assert lost_on_the_way(cast, photographs(tmp_path / "in", 6, (90, 60))) == []


@pytest.mark.slow
@pytest.mark.usefixtures("_exiftool")
def test_nothing_is_lost_of_many(cast: Cast, tmp_path: Path) -> None:
    paths = photographs(tmp_path / "in", 30, (600, 400))
    assert lost_on_the_way(cast, paths, side=300) == []
