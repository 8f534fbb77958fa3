"""Assets of earlier versions get right renditions, sizes and colours."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from PIL import Image

from assetbank.assets import open_rendition
from assetbank.media import images
from assetbank.models import Asset
from search.models import Embedding, VectorSpace
from tests.assetbank.media.pictures import CASES
from tests.support.trash import delete_asset, delete_waiting_files

MakeAsset = Callable[..., Asset]

pytestmark = pytest.mark.django_db


@pytest.fixture
def space(db: None) -> VectorSpace:
    """Return a space, in which each asset gets a row."""
    return VectorSpace.objects.create(model="demo", active=True)


@pytest.fixture
def outdated(space: VectorSpace, make_asset: MakeAsset) -> Asset:
    """Return or6.tif as an earlier version stored it: lying, its renditions beside."""
    asset = make_asset(file=(CASES / "or6.tif").read_bytes())
    for name in images.RENDITIONS:
        default_storage.delete(asset.rendition_path(name))
        default_storage.save(old_path(asset, name), ContentFile(b"an old rendition"))
    Asset.objects.filter(pk=asset.pk).update(
        width=320, height=200, perceptual_hash=12345, colours=["#123456"], colour_cells=[1]
    )
    asset.refresh_from_db()
    Embedding.objects.filter(asset=asset).update(vector_bytes=b"old", checksum=asset.checksum)
    return asset


def old_path(asset: Asset, name: str) -> str:
    return f"renditions/{asset.folder}/{asset.checksum[:12]}-{name}.webp"


def right(asset: Asset) -> bool:
    asset.refresh_from_db()
    facts = images.examine((CASES / "or6.tif").read_bytes())
    return (
        (asset.width, asset.height, asset.orientation) == (200, 320, "portrait")
        and asset.colours == list(facts.colours)
        and asset.perceptual_hash == facts.perceptual_hash
        and not any(default_storage.exists(old_path(asset, name)) for name in images.RENDITIONS)
        and all(default_storage.exists(asset.rendition_path(name)) for name in images.RENDITIONS)
    )


@pytest.mark.django_db(transaction=True)
def test_a_rendition_that_is_asked_for_is_made_anew_and_corrects_the_asset(
    outdated: Asset,
) -> None:
    with open_rendition(asset=outdated, name="grid") as file:
        assert Image.open(io.BytesIO(file.read())).size == (200, 320)
    assert right(outdated)
    embedding = Embedding.objects.get(asset=outdated)
    assert embedding.vector_bytes is None, "what lay on its side is embedded again"


@pytest.mark.django_db(transaction=True)
def test_the_command_refreshes_all_and_does_nothing_the_second_time(
    outdated: Asset, make_asset: MakeAsset, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = make_asset()
    default_storage.delete(broken.path)
    default_storage.delete(broken.rendition_path("grid"))
    call_command("refresh_renditions")
    assert "1 rendered, 0 up to date, 1 skipped." in capsys.readouterr().out
    assert right(outdated)
    call_command("refresh_renditions")
    assert "0 rendered, 1 up to date, 1 skipped." in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_a_lost_rendition_changes_no_asset_and_embeds_nothing(
    space: VectorSpace, make_asset: MakeAsset
) -> None:
    asset = make_asset()
    default_storage.delete(asset.rendition_path("grid"))
    Embedding.objects.filter(asset=asset).update(vector_bytes=b"there")
    before = Asset.objects.values().get(pk=asset.pk)
    open_rendition(asset=asset, name="grid").close()
    assert Asset.objects.values().get(pk=asset.pk) == before
    assert bytes(Embedding.objects.get(asset=asset).vector_bytes or b"") == b"there"


@pytest.mark.django_db(transaction=True)
def test_deleting_an_asset_deletes_outdated_renditions(outdated: Asset) -> None:
    delete_asset(asset=outdated)
    delete_waiting_files()
    assert not any(default_storage.exists(old_path(outdated, name)) for name in images.RENDITIONS)
