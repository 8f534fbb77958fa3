"""What a model gets of an asset that is a reference."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from assetbank.models import Asset
from generation.engines import reference_images
from tests.assetbank.media.pictures import CASES, written

MakeAsset = Callable[..., Asset]

pytestmark = pytest.mark.django_db
TAKEN = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_a_model_gets_an_upright_srgb_picture_without_exif(
    make_asset: MakeAsset, name: str
) -> None:
    asset = make_asset(file=(CASES / name).read_bytes())
    sent = reference_images.reference_image(asset, "product")
    picture = Image.open(io.BytesIO(sent.data))
    assert TAKEN[sent.mime_type] == picture.format
    assert picture.size == (asset.width, asset.height)
    assert picture.mode in {"RGB", "RGBA"}
    assert not picture.getexif()
    assert (sent.title, sent.role, sent.asset_id) == (asset.display_title, "product", asset.pk)


def test_a_plain_photograph_is_sent_byte_for_byte(make_asset: MakeAsset) -> None:
    data = written(Image.new("RGB", (400, 300), (200, 60, 40)), "JPEG")
    asset = make_asset(file=data)
    assert reference_images.reference_image(asset).data == data


def test_a_large_file_is_sent_as_its_preview(
    make_asset: MakeAsset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = make_asset(file=written(Image.new("RGB", (2_000, 1_500), (200, 60, 40)), "PNG"))
    monkeypatch.setattr(reference_images, "MAX_SENT_BYTES", 1_000)
    sent = reference_images.reference_image(asset)
    picture = Image.open(io.BytesIO(sent.data))
    assert (sent.mime_type, picture.size) == ("image/webp", (1_600, 1_200))
