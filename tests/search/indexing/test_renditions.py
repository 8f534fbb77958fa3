"""Vectors are made of renditions: nearly those that the original would give."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assetbank.assets import open_rendition
from assetbank.demo.catalogue import assets as catalogue
from assetbank.media import images
from assetbank.models import Asset
from search.encoders import DEMO_FOLDER, ImageEncoder
from search.indexing import pipeline
from search.models import Embedding
from tests.conftest import picture_bytes
from tests.support.checkpoints import save_clip, save_siglip

MIN_COSINE = 0.999
DAY = datetime.date(2026, 1, 1)


@pytest.fixture(scope="module")
def photos() -> list[bytes]:
    """Return pictures with the grain of photographs: small ones, and some of four megapixels."""
    noise = np.random.default_rng(0)
    photos = []
    for number, (_, data) in enumerate(catalogue.draw_all(catalogue.assets(DAY)[:12])):
        image = Image.open(io.BytesIO(data)).convert("RGB")
        if number % 3 == 0:
            image = image.resize((image.width * 4, image.height * 4), Image.Resampling.BICUBIC)
        values = np.asarray(image).astype(np.int16)
        values += noise.integers(-6, 7, values.shape[:2], np.int16)[..., None]
        buffer = io.BytesIO()
        Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
        photos.append(buffer.getvalue())
    return photos


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["demo", "clip", "siglip"])
def test_a_rendition_gives_the_vector_of_its_original(
    kind: str, photos: list[bytes], tmp_path: Path
) -> None:
    """With the preprocessing of the checkpoint itself on the whole original."""
    save = {"clip": save_clip, "siglip": save_siglip}
    folder = save[kind](tmp_path / kind) if kind in save else DEMO_FOLDER
    encoder = ImageEncoder(str(folder))
    side = pipeline.DECODED * encoder.input_size
    ours, theirs = [], []
    for data in photos:
        rendition = io.BytesIO(images.examine(data).renditions["encoder"])
        ours.append(encoder.preprocess(images.load_rendition(rendition, side=side)))
        original = Image.open(io.BytesIO(data)).convert("RGB")
        theirs.append(encoder._processor(images=original, return_tensors="np")["pixel_values"][0])
    cosines = np.sum(encoder.encode_pixels(ours) * encoder.encode_pixels(theirs), axis=1)
    assert cosines.min() >= MIN_COSINE, cosines


def test_transparency_is_encoded_on_a_ground_that_shows_it() -> None:
    logo = Image.new("RGBA", (300, 200))
    logo.paste((255, 255, 255, 255), (100, 50, 200, 150))
    buffer = io.BytesIO()
    logo.save(buffer, "PNG")
    seen = Image.open(io.BytesIO(images.examine(buffer.getvalue()).renditions["encoder"]))
    middle, corner = seen.getpixel((150, 100)), seen.getpixel((5, 5))
    assert isinstance(middle, tuple)
    assert isinstance(corner, tuple)
    assert min(middle) > 240
    assert max(corner) < 100


@pytest.mark.index
def test_an_asset_without_that_rendition_gets_it_when_it_is_indexed(
    make_asset: Callable[..., Asset], index: Callable[[], int]
) -> None:
    asset = make_asset(file=picture_bytes(size=(300, 200)))
    asset.file.storage.delete(asset.rendition_path("encoder"))
    index()
    assert Embedding.objects.get(asset=asset).state == Embedding.State.INDEXED
    with open_rendition(asset=asset, name="encoder") as file:
        assert Image.open(file).format == "JPEG"


@pytest.mark.index
def test_without_rendition_and_original_the_reason_is_told(
    make_asset: Callable[..., Asset], index: Callable[[], int]
) -> None:
    asset = make_asset(file=picture_bytes(size=(300, 200)))
    for path in (asset.path, *map(asset.rendition_path, images.RENDITIONS)):
        asset.file.storage.delete(path)
    pipeline.index_pending()
    row = Embedding.objects.get(asset=asset)
    assert (row.state, row.reason) == (
        Embedding.State.FAILED,
        "The original file is missing from the storage.",
    )
