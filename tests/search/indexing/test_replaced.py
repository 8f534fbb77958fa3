"""A replaced file: nothing that was computed from the earlier one is left."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from django.core.files.storage import default_storage

from assetbank.assets import versions
from assetbank.assets.files import file_paths
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec
from assetbank.models import Asset
from search.duplicates import detect
from search.models import Comparison, DuplicatePair, Embedding
from search.query import SearchQuery, search
from search.vectorstore import store
from tests.conftest import Cast

MakeAsset = Callable[..., Asset]
Index = Callable[[], int]


def drawing(ware: str, size: int = 400) -> bytes:
    buffer = io.BytesIO()
    render(Spec(ware, "red", scene="city", seed=1), size, 1).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def asset(make_asset: MakeAsset, index: Index) -> Asset:
    asset = make_asset(file=drawing("boot"), title="No words about it", filename="a.png")
    make_asset(file=drawing("guitar"), title="Something else", filename="b.png")
    index()
    return asset


def replace(asset: Asset, cast: Cast, data: bytes) -> None:
    versions.replace_file(asset=asset, file=data, filename="c.png", by=cast.creator)


def best(cast: Cast, words: str) -> Asset:
    return search(person=cast.creator, question=SearchQuery(text=words)).found[0].asset


def test_the_new_picture_is_found_and_the_earlier_one_no_longer(
    cast: Cast, asset: Asset, index: Index
) -> None:
    row = Embedding.objects.get(asset_id=asset.pk)
    before = row.vector
    assert best(cast, "boot") == asset
    replace(asset, cast, drawing("teapot"))
    row.refresh_from_db()
    assert (row.state, row.vector_bytes, row.checksum) == ("pending", None, "")
    assert index() == 1
    row.refresh_from_db()
    assert (row.state, row.checksum) == ("indexed", asset.checksum)
    after = store.vectors([asset.pk])[asset.pk]
    assert row.vector is not None
    assert np.allclose(after, row.vector, atol=1e-3)
    assert before is not None
    assert float(before @ row.vector) < 0.9
    assert best(cast, "teapot") == asset
    versions.restore_version(asset=asset, number=1, by=cast.creator)
    index()
    assert np.allclose(store.vectors([asset.pk])[asset.pk], before, atol=1e-3)
    assert best(cast, "boot") == asset


def test_a_new_file_that_cannot_be_encoded_leaves_no_earlier_vector_in_milvus(
    cast: Cast, asset: Asset, index: Index
) -> None:
    earlier = file_paths(asset)
    replace(asset, cast, drawing("teapot"))
    for path in file_paths(asset) - earlier:
        default_storage.delete(path)
    index()
    assert Embedding.objects.get(asset_id=asset.pk).state == "failed"
    assert asset.pk not in store.vectors([asset.pk])


def test_duplicates_are_compared_anew(
    cast: Cast, asset: Asset, make_asset: MakeAsset, index: Index
) -> None:
    copy = make_asset(file=drawing("boot", 320), title="The boot, smaller")
    index()
    detect.detect()
    assert DuplicatePair.objects.filter(first=asset, second=copy).exists()
    replace(asset, cast, drawing("guitar", 320))
    assert not DuplicatePair.objects.exists()
    index()
    assert detect.detect() == 1
    assert Comparison.objects.get(asset=asset).checksum == asset.checksum
    (pair,) = DuplicatePair.objects.all()
    assert {pair.first.title, pair.second.title} == {"No words about it", "Something else"}


def test_a_comparison_with_a_file_that_was_replaced_during_it_is_not_stored(
    cast: Cast, asset: Asset, make_asset: MakeAsset, index: Index
) -> None:
    copy = make_asset(file=drawing("boot", 320))
    index()
    stale = Asset.objects.get(pk=asset.pk)
    replace(asset, cast, drawing("teapot"))
    detect._compare(stale, [copy], detect._PairComparer())
    assert not DuplicatePair.objects.exists()
    assert not Comparison.objects.filter(asset=asset).exists()
