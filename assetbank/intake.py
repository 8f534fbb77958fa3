"""The only way into the library, and the only way to change or remove what is in it."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import logging
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from assetbank import pictures
from assetbank.errors import FileMissing, PictureRefused, PictureTooLarge, ProblemError
from assetbank.models import Asset, Brand, Collection, CollectionItem

logger = logging.getLogger(__name__)

MOST_TAGS, LONGEST_TAG = 64, 50
LONGEST = {"title": 200, "licence": 200, "credit": 200, "description": 10_000}
EDITABLE = {
    "title",
    "description",
    "kind",
    "status",
    "licence",
    "credit",
    "expires_on",
}


@dataclass(frozen=True)
class Stored:
    """The asset, and whether it is new; False: the same bytes were in the brand already."""

    asset: Asset
    created: bool


@dataclass(frozen=True)
class Provenance:
    """What made a generated picture."""

    generation_id: int
    engine_model: str
    prompt: str


class InvalidAsset(ProblemError):
    code = "invalid_asset"


class AssetGone(ProblemError):
    code = "not_found"
    status = 404


def store(
    *,
    brand: Brand,
    file: File[bytes] | bytes,
    filename: str,
    by: User | None,
    origin: str = Asset.Origin.UPLOAD,
    tags: Iterable[str] = (),
    collection: Collection | None = None,
    provenance: Provenance | None = None,
    created_at: datetime.datetime | None = None,
    **fields: Any,
) -> Stored:
    """Take a picture in: recognise, verify, keep its bytes untouched, draw its renditions.

    `fields` are those of EDITABLE. Raises PictureRefused, InvalidAsset and FileMissing. A process
    that is killed midway leaves no row; one that fails leaves no file.
    """
    data = _read(file)
    checksum = hashlib.sha256(data).hexdigest()
    if existing := _existing(brand, checksum, collection):
        return existing
    picture = pictures.examine(data)
    asset = Asset(
        brand=brand,
        origin=origin,
        filename=clean_text(PurePath(filename.replace("\\", "/")).name)[-255:] or "picture",
        checksum=checksum,
        mime=picture.mime,
        width=picture.width,
        height=picture.height,
        bytes=len(data),
        created_by=by,
        created_at=created_at or timezone.now(),
        **(asdict(provenance) if provenance else {}),
    )
    _assign(asset, {"title": title_of(asset.filename), **fields})
    names = clean_tags(tags)
    undo: list[Callable[[], None]] = []
    try:
        _save_files(asset, data, picture, undo)  # may be slow: no transaction waits for it
        with transaction.atomic():
            asset.save(force_insert=True)
            if names:
                asset.tags.add(*names)
            if collection:
                add_to_collection(collection=collection, assets=[asset])
    except BaseException as error:
        for step in undo:
            with contextlib.suppress(Exception):  # what went wrong first is what is told
                step()
        if isinstance(error, IntegrityError) and (
            existing := _existing(brand, checksum, collection)
        ):
            return existing  # the same bytes came in twice at the same time
        raise
    return Stored(asset, created=True)


def _existing(brand: Brand, checksum: str, collection: Collection | None) -> Stored | None:
    asset = Asset.objects.filter(brand=brand, checksum=checksum).first()
    if asset is None:
        return None
    if collection:
        add_to_collection(collection=collection, assets=[asset])
    return Stored(asset, created=False)


@transaction.atomic
def update(*, asset: Asset, tags: Iterable[str] | None = None, **fields: Any) -> Asset:
    """Change what is said about an asset (EDITABLE and tags); the bytes never change.

    Raises InvalidAsset and AssetGone.
    """
    if not Asset.objects.select_for_update().filter(pk=asset.pk).exists():
        raise AssetGone(f"“{asset}” was deleted meanwhile.")  # and saving would bring it back
    _assign(asset, fields)
    if tags is not None:
        asset.tags.set(clean_tags(tags))
        asset.__dict__.pop("annotated_tags", None)
    # only these: what somebody else changed since the asset was read stays
    asset.save(update_fields=[*fields, "updated_at"])
    return asset


@transaction.atomic
def remove(*, asset: Asset) -> None:
    """Delete an asset; its files go when the transaction has committed."""
    paths = [asset.path, *map(asset.rendition_path, pictures.RENDITIONS)]

    def delete_files() -> None:
        for path in paths:
            try:
                default_storage.delete(path)
            except Exception as error:  # each storage raises its own; the others are tried still
                logger.warning("%s stays in the storage: %s", path, error)

    asset.delete()
    transaction.on_commit(delete_files, robust=True)


@transaction.atomic
def add_to_collection(*, collection: Collection, assets: Iterable[Asset]) -> None:
    """Append `assets` in their order; those already inside stay where they are."""
    last = collection.items.order_by("-position").values_list("position", flat=True).first()
    start = 0 if last is None else last + 1
    CollectionItem.objects.bulk_create(
        [
            CollectionItem(collection=collection, asset=asset, position=start + index)
            for index, asset in enumerate(assets)
        ],
        ignore_conflicts=True,
    )


def create_collection(
    *, brand: Brand, name: str, by: User | None, description: str = ""
) -> Collection:
    """Raises InvalidAsset for a name that is empty, too long or taken in the brand."""
    name = clean_text(name)
    if not name or len(name) > 120:
        raise InvalidAsset("A collection has a name of at most 120 characters.")
    collection = Collection(
        brand=brand, name=name, description=clean_text(description), created_by=by
    )
    try:
        with transaction.atomic():
            collection.save()
    except IntegrityError as error:
        raise InvalidAsset(f"{brand} has a collection “{name}” already.") from error
    return collection


def remove_collection(*, collection: Collection) -> None:
    """Its assets stay."""
    collection.delete()


def remove_from_collection(*, collection: Collection, assets: Iterable[Asset]) -> None:
    collection.items.filter(asset__in=list(assets)).delete()


@transaction.atomic
def move_in_collection(*, collection: Collection, asset: Asset, step: int) -> None:
    """`step` places later, or earlier when negative; at the ends it stays."""
    items = list(collection.items.select_for_update())
    here = next((n for n, item in enumerate(items) if item.asset_id == asset.pk), None)
    if here is None:
        return
    items.insert(max(0, here + step), items.pop(here))
    for position, item in enumerate(items):
        item.position = position
    CollectionItem.objects.bulk_update(items, ["position"])


def rendition(*, asset: Asset, name: str) -> File[bytes]:
    """A rendition's file; drawn again if the storage lost it. Raises FileMissing, KeyError."""
    if name not in pictures.RENDITIONS:
        raise KeyError(name)
    path = asset.rendition_path(name)
    try:
        return default_storage.open(path)
    except FileNotFoundError:
        drawn = pictures.draw_renditions(original_bytes(asset))[name]
        try:
            saved = default_storage.save(path, ContentFile(drawn))
            if saved != path:  # somebody else was quicker
                default_storage.delete(saved)
        except Exception as error:
            raise FileMissing(f"The file storage does not take a file: {error}.") from error
        return ContentFile(drawn, name=path)
    except Exception as error:
        raise FileMissing(f"The file storage does not answer: {error}.") from error


def original_bytes(asset: Asset) -> bytes:
    """Raises FileMissing with a sentence."""
    try:
        with asset.file.open("rb") as file:
            data: bytes = file.read()
            return data
    except FileNotFoundError as error:
        raise FileMissing(f"The original file of “{asset}” is gone from the storage.") from error
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage does not answer: {error}.") from error


def clean_text(text: str) -> str:
    """Composed Unicode without control characters (PostgreSQL takes no NUL)."""
    composed = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    return "".join(c for c in composed if c in "\n\t" or unicodedata.category(c) != "Cc").strip()


def clean_tags(tags: Iterable[str]) -> list[str]:
    names: dict[str, str] = {}
    for name in (" ".join(clean_text(tag).split()) for tag in tags):
        names.setdefault(name.upper().lower(), name)  # capitals make no difference to search
    names.pop("", None)
    if too_long := [name for name in names.values() if len(name) > LONGEST_TAG]:
        raise InvalidAsset(f"A tag has at most {LONGEST_TAG} characters: “{too_long[0][:60]}…”.")
    if len(names) > MOST_TAGS:
        raise InvalidAsset(f"An asset has at most {MOST_TAGS} tags.")
    return list(names.values())


def title_of(filename: str) -> str:
    stem = PurePath(filename).stem.replace("_", " ").replace("-", " ")
    return " ".join(stem.split())[:200] or "Untitled"


def _read(file: File[bytes] | bytes) -> bytes:
    if isinstance(file, bytes):
        data = file
    else:
        file.seek(0)
        data = file.read(settings.MAX_UPLOAD_BYTES + 1)
    if not data:
        raise PictureRefused("This file is empty.")
    if len(data) > settings.MAX_UPLOAD_BYTES:
        limit = settings.MAX_UPLOAD_BYTES / 2**20
        raise PictureTooLarge(f"This file is larger than the {limit:.0f} MB that are taken.")
    return data


def _assign(asset: Asset, fields: dict[str, Any]) -> None:
    unknown = fields.keys() - EDITABLE
    if unknown:
        raise TypeError(f"not an editable field of an asset: {', '.join(sorted(unknown))}")
    for name, value in fields.items():
        setattr(asset, name, clean_text(value) if isinstance(value, str) else value)
    if not asset.title:
        raise InvalidAsset("An asset needs a title.")
    for name, choices in (("kind", Asset.Kind), ("status", Asset.Status)):
        if getattr(asset, name) not in choices.values:
            raise InvalidAsset(f"{name} is one of {', '.join(choices.values)}.")
    for name, most in LONGEST.items():
        if len(getattr(asset, name)) > most:
            raise InvalidAsset(f"{name} has at most {most} characters.")


def _save_files(
    asset: Asset, data: bytes, picture: pictures.Picture, undo: list[Callable[[], None]]
) -> None:
    named = f"{PurePath(asset.filename).stem}.{picture.extension}"
    try:
        asset.file.save(named, ContentFile(data), save=False)
        undo.append(lambda: default_storage.delete(asset.path))
        for name, drawn in picture.renditions.items():
            path = default_storage.save(asset.rendition_path(name), ContentFile(drawn))
            undo.append(lambda path=path: default_storage.delete(path))  # type: ignore[misc]
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage does not take this file: {error}.") from error
