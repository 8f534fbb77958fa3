from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models.signals import post_save
from PIL import Image
from pytest_django import Settings

from assetbank.assets import (
    IngestResult,
    backfill_features,
    collections,
    ingest_asset,
    open_rendition,
    read_original,
    update_asset,
)
from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec
from assetbank.errors import AssetGone, InvalidAsset, PictureRefused, PictureTooLarge
from assetbank.media import colours, images, phash
from assetbank.models import Asset, Collection
from tests.conftest import Cast, picture_bytes
from tests.support.trash import delete_asset, delete_waiting_files

MakeAsset = Callable[..., Asset]


def store(cast: Cast, data: bytes, filename: str = "a.png", **fields: Any) -> IngestResult:
    return ingest_asset(brand=cast.acme, file=data, filename=filename, by=cast.creator, **fields)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_bytes_that_came_in_are_the_bytes_kept(cast: Cast) -> None:
    data = picture_bytes(fmt="JPEG", comment=b"Content Credentials live here")
    asset = store(cast, data, "hat.jpg").asset
    assert read_original(asset) == data
    assert asset.checksum == hashlib.sha256(data).hexdigest()
    assert (asset.width, asset.height, asset.bytes) == (80, 60, len(data))
    assert asset.title == "hat"


@pytest.mark.parametrize(
    ("fmt", "mime"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("AVIF", "image/avif"),
        ("HEIF", "image/heic"),
        ("JPEG2000", "image/jp2"),
        ("PPM", "image/x-portable-anymap"),
    ],
)
def test_formats_are_recognised_by_content_and_not_by_name(cast: Cast, fmt: str, mime: str) -> None:
    asset = store(cast, picture_bytes(fmt=fmt), "actually-a.doc").asset
    assert asset.mime == mime
    assert not asset.path.endswith(".doc")
    with open_rendition(asset=asset, name="grid") as file:
        assert Image.open(file).format == "WEBP"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "I", "F", "CMYK"])
def test_every_mode_becomes_a_rendition_on_white(cast: Cast, mode: str) -> None:
    image = Image.new(mode, (40, 40))
    fmt = {"F": "TIFF", "CMYK": "JPEG", "I": "TIFF"}.get(mode, "PNG")
    buffer = io.BytesIO()
    image.save(buffer, fmt)
    asset = store(cast, buffer.getvalue()).asset
    with open_rendition(asset=asset, name="grid") as file:
        shown = images.flatten(Image.open(file))
    transparent = mode in {"LA", "RGBA", "CMYK"}
    assert shown.getpixel((20, 20)) == ((255, 255, 255) if transparent else (0, 0, 0))


def test_sixteen_bit_pictures_keep_their_brightness() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (20, 20), 32768).save(buffer, "PNG")
    shown = images.load_rgb(io.BytesIO(buffer.getvalue()), side=20)
    assert abs(shown.getpixel((5, 5))[0] - 127) <= 1  # type: ignore[index]


def test_orientation_is_honoured(cast: Cast) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated
    asset = store(cast, picture_bytes(fmt="JPEG", size=(80, 60), exif=exif)).asset
    assert (asset.width, asset.height, asset.orientation) == (60, 80, "portrait")
    with open_rendition(asset=asset, name="grid") as file:
        assert Image.open(file).size == (60, 80)


def test_renditions_tell_nothing_but_their_pixels(cast: Cast) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at my home"
    asset = store(cast, picture_bytes(fmt="JPEG", exif=exif)).asset
    with open_rendition(asset=asset, name="preview") as file:
        assert b"my home" not in file.read()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a supported image",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
        b"%PDF-1.7\n",
        b"\xd7\xcd\xc6\x9a\x00\x00" + b"\x00" * 60,  # WMF
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        picture_bytes(fmt="PNG", size=(300, 300))[:200],
        picture_bytes((1, 2, 3), (300, 300), "JPEG")[:-300],
    ],
    ids=["empty", "text", "eps", "pdf", "wmf", "svg", "cut png", "cut jpeg"],
)
def test_what_is_no_whole_picture_is_refused_and_leaves_nothing(
    cast: Cast, media: Path, data: bytes
) -> None:
    with pytest.raises(PictureRefused) as refused:
        store(cast, data, "innocent.jpg")
    assert refused.value.message
    assert not Asset.objects.exists()
    assert files_below(media) == []


def test_bytes_and_pixels_are_bounded(cast: Cast, settings: Settings) -> None:
    settings.MAX_PIXELS = 1_000
    with pytest.raises(PictureTooLarge, match="megapixels"):
        store(cast, picture_bytes(size=(80, 60)))
    settings.MAX_UPLOAD_BYTES = 50
    with pytest.raises(PictureTooLarge, match="larger than"):
        store(cast, picture_bytes(size=(20, 20)))


@pytest.mark.slow
def test_a_small_file_that_unfolds_into_gigabytes_is_refused_before_it_is_decoded(
    cast: Cast,
) -> None:
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    with pytest.raises(PictureTooLarge):
        store(cast, bomb.getvalue())


def test_the_same_bytes_in_a_brand_are_the_asset_that_is_there(cast: Cast) -> None:
    first = store(cast, picture_bytes())
    second = store(cast, picture_bytes(), "other name.png", tags=["new"])
    assert (first.created, second.created) == (True, False)
    assert first.asset == second.asset
    elsewhere = ingest_asset(brand=cast.other, file=picture_bytes(), filename="a.png", by=None)
    assert elsewhere.created


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_at_the_same_time_make_one_asset(cast: Cast, media: Path) -> None:
    data = picture_bytes(size=(900, 900))

    def one(_: int) -> int:
        try:
            return store(cast, data).asset.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(one, range(4)))) == 1
    assert len(files_below(media)) == 1 + len(images.RENDITIONS)


def test_a_failure_after_the_files_were_written_leaves_no_file(cast: Cast, media: Path) -> None:
    def fail(**kwargs: Any) -> None:
        raise RuntimeError("a receiver failed")

    post_save.connect(fail, Asset)
    try:
        with pytest.raises(RuntimeError):
            store(cast, picture_bytes())
    finally:
        post_save.disconnect(fail, Asset)
    assert files_below(media) == []


@pytest.mark.django_db(transaction=True)
def test_what_fails_after_the_commit_takes_no_file_of_it_away(cast: Cast) -> None:
    def fail(**kwargs: Any) -> None:
        transaction.on_commit(lambda: 1 / 0)  # as if the result of the commit were lost

    post_save.connect(fail, Asset)
    try:
        with pytest.raises(ZeroDivisionError):
            store(cast, picture_bytes())
    finally:
        post_save.disconnect(fail, Asset)
    assert read_original(Asset.objects.get()) == picture_bytes()


@pytest.mark.parametrize(
    "filename",
    ["../../etc/passwd", "a\x00b.png", "ünïcödé 🤠.jpeg", "x" * 400 + ".png", "..", "C:\\a\\b.png"],
)
def test_odd_file_names_are_kept_as_text_and_never_as_a_path(
    cast: Cast, media: Path, filename: str
) -> None:
    asset = store(cast, picture_bytes(), filename).asset
    assert len(asset.filename) <= 255
    assert "/" not in asset.filename
    assert "\x00" not in asset.filename
    assert (media / asset.path).resolve().is_relative_to(media.resolve())


def test_tags_are_cleaned_and_bounded(cast: Cast) -> None:
    asset = store(cast, picture_bytes(), tags=[" red  silk ", "", "red silk", "Größe"]).asset
    assert sorted(asset.tags.names()) == ["Größe", "red silk"]
    with pytest.raises(InvalidAsset, match="50 characters"):
        update_asset(asset=asset, tags=["x" * 51])
    with pytest.raises(InvalidAsset, match="64 tags"):
        update_asset(asset=asset, tags=[f"t{n}" for n in range(65)])


def test_only_what_is_said_about_an_asset_can_change(make_asset: MakeAsset) -> None:
    asset = make_asset()
    update_asset(asset=asset, title="New", licence="Owned")
    asset.refresh_from_db()
    assert (asset.title, asset.licence) == ("New", "Owned")
    with pytest.raises(TypeError):
        update_asset(asset=asset, checksum="0")
    with pytest.raises(InvalidAsset, match="title"):
        update_asset(asset=asset, title=" \x00 ")
    asset.refresh_from_db()
    with pytest.raises(InvalidAsset, match="status must be one of"):
        update_asset(asset=asset, status="published")


def test_an_edit_does_not_bring_a_deleted_asset_back(make_asset: MakeAsset) -> None:
    asset = make_asset()
    delete_asset(asset=Asset.objects.get(pk=asset.pk))
    with pytest.raises(AssetGone):
        update_asset(asset=asset, title="New")
    assert not Asset.objects.exists()


def test_changing_what_is_said_leaves_the_renditions_alone(make_asset: MakeAsset) -> None:
    asset = make_asset()
    before = default_storage.get_modified_time(asset.rendition_path("grid"))
    update_asset(asset=asset, title="New")
    assert default_storage.get_modified_time(asset.rendition_path("grid")) == before


def test_a_lost_rendition_is_drawn_again(make_asset: MakeAsset) -> None:
    asset = make_asset()
    default_storage.delete(asset.rendition_path("grid"))
    with open_rendition(asset=asset, name="grid") as file:
        assert Image.open(file).format == "WEBP"
    assert default_storage.exists(asset.rendition_path("grid"))


def test_removing_an_asset_removes_its_files(make_asset: MakeAsset, media: Path) -> None:
    delete_asset(asset=make_asset())
    delete_waiting_files()
    assert files_below(media) == []


def test_a_collection_keeps_its_order_and_each_asset_once(
    cast: Cast, make_asset: MakeAsset
) -> None:
    collection = Collection.objects.create(brand=cast.acme, name="Summer")
    first, second, third = make_asset(), make_asset(), make_asset()
    collections.add_assets(collection=collection, assets=[second, first])
    collections.add_assets(collection=collection, assets=[first, third])
    assert [item.asset for item in collection.items.all()] == [second, first, third]


def test_colours_and_looks_are_read_at_intake_and_later_of_what_came_before(
    cast: Cast, make_asset: MakeAsset
) -> None:
    buffer = io.BytesIO()
    render(Spec("handbag", "red"), 256).save(buffer, "PNG")
    fresh, gone, torn = make_asset((200, 30, 40)), make_asset(), make_asset()
    old = make_asset(file=buffer.getvalue())
    assert fresh.colours == ["#c81e28"]
    assert fresh.colour_cells == colours.cells(["#c81e28"])
    assert fresh.perceptual_hash is not None
    looked = old.perceptual_hash
    assert looked is not None
    Asset.objects.exclude(pk=fresh.pk).update(colours=None, colour_cells=[], perceptual_hash=None)
    for asset in (gone, torn):
        default_storage.delete(asset.path)
        default_storage.delete(asset.rendition_path("grid"))
    default_storage.save(torn.path, ContentFile(b"no picture"))
    assert backfill_features() == 2
    old.refresh_from_db()
    torn.refresh_from_db()
    gone.refresh_from_db()
    assert old.colour_cells == colours.cells(old.colours or [])
    assert phash.distance(old.perceptual_hash or 0, looked) <= 2
    assert (torn.colours, torn.perceptual_hash) == ([], None), "and it is not tried again"
    assert gone.colours is None, "its file may come back"
    assert backfill_features() == 0
