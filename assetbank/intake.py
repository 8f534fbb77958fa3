"""The only way into the library, and the only way to change or remove what is in it."""

from __future__ import annotations

import contextlib
import copy
import datetime
import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from assetbank import collecting, colours, editing, pictures, rights
from assetbank.errors import AssetGone, FileMissing, InvalidAsset, PictureRefused, PictureTooLarge
from assetbank.models import Asset, Brand, Collection
from assetbank.provenance import MADE_WITH_AI, check_said, marked, said_by
from assetbank.text import clean_tags, clean_text, title_of

logger = logging.getLogger(__name__)


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
    preset: str = ""
    digital_source_type: str = ""  # IPTC's word


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

    `fields` are those of `editing.EDITABLE`. Raises PictureRefused, InvalidAsset and FileMissing.
    A process that is killed midway leaves no row; one that fails leaves no file.
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
        **_pixels(picture.colours, picture.perceptual_hash),
        **(asdict(provenance) if provenance else said_by(data, picture)),
    )
    editing.assign(asset, {"title": title_of(asset.filename), **fields})
    _check_new(asset, data, picture)
    try:
        _take_in(asset, data, picture, clean_tags(tags), collection)
    except IntegrityError:
        if existing := _existing(brand, checksum, collection):
            return existing  # the same bytes came in twice at the same time
        raise
    return Stored(asset, created=True)


def _check_new(asset: Asset, data: bytes, picture: pictures.Picture) -> None:
    """Raises InvalidAsset."""
    if asset.generation_id is None:
        check_said(data, picture, asset.digital_source_type)
    if asset.status == Asset.Status.APPROVED:
        raise InvalidAsset(editing.APPROVED_BY_DECISION)


def _take_in(
    asset: Asset,
    data: bytes,
    picture: pictures.Picture,
    tags: list[str],
    collection: Collection | None,
) -> None:
    """Files before the row: saving them may be slow, and no transaction waits for it. A failure
    takes them back, unless the row is there: the answer to a commit may get lost."""
    undo: list[Callable[[], None]] = []
    committing = False
    try:
        _save_files(asset, data, picture, undo)
        with transaction.atomic():
            asset.save(force_insert=True)
            if tags:
                asset.tags.add(*tags)
            if collection:
                collecting.add(collection=collection, assets=[asset])
            committing = True
    except BaseException:
        if not (committing and _may_be_there(asset)):
            for step in undo:
                with contextlib.suppress(Exception):  # what went wrong first is what is told
                    step()
        raise


def _may_be_there(asset: Asset) -> bool:
    """Where nobody can tell: a file too many harms less than a row without one."""
    try:
        return Asset.objects.filter(brand=asset.brand, file=asset.file.name).exists()
    except DatabaseError:
        return True


def _existing(brand: Brand, checksum: str, collection: Collection | None) -> Stored | None:
    asset = Asset.objects.filter(brand=brand, checksum=checksum).first()
    if asset is None:
        return None
    if collection:
        collecting.add(collection=collection, assets=[asset])
    return Stored(asset, created=False)


@transaction.atomic
def update(
    *,
    asset: Asset,
    tags: Iterable[str] | None = None,
    withdrawing: bool = False,
    deciding: bool = False,
    **fields: Any,
) -> Asset:
    """Change what is said about an asset (`editing.EDITABLE` and tags); the bytes never change.

    Only withdrawing a right, and lifting that again, puts it into quarantine or takes it out; only
    `approval`, and what takes a step back, approves it. Raises InvalidAsset and AssetGone.
    """
    before = Asset.objects.select_for_update().filter(pk=asset.pk).first()
    if before is None:
        raise AssetGone(f"“{asset}” was deleted meanwhile.")  # and saving would bring it back
    status = fields.get("status", before.status)
    editing.check_status(before, status, withdrawing=withdrawing, deciding=deciding)
    editing.assign(asset, fields)
    after = copy.copy(before)  # what `asset` says of other fields may be of long ago
    for name in fields:
        setattr(after, name, getattr(asset, name))
    _check_bounds(before, after)
    if before.digital_source_type in MADE_WITH_AI and after.digital_source_type not in MADE_WITH_AI:
        data = original_bytes(before)
        check_said(data, pictures.examine(data), after.digital_source_type)
    if tags is not None:
        asset.tags.set(clean_tags(tags))
        asset.__dict__.pop("annotated_tags", None)
    # only these: what somebody else changed since the asset was read stays
    asset.save(update_fields=[*fields, "updated_at"])
    if fields.get("digital_source_type", before.digital_source_type) != before.digital_source_type:
        _delete_after_commit(list(map(before.rendition_path, pictures.RENDITIONS)))
    pass_on(before, after)
    return asset


def _check_bounds(before: Asset, after: Asset) -> None:
    """Raises InvalidAsset."""
    if not rights.looser(before, after, [before]):
        return  # nothing is loosened: mostly so, and what it is made of need not be looked up
    made_of = [one for each in settings.RIGHTS_BOUNDS for one in import_string(each)(before)]
    if made_of and (problem := rights.looser(before, after, made_of)):
        raise InvalidAsset(problem)


def pass_on(before: Asset, after: Asset) -> None:
    """What was made of `after` may be used no more than it, if `before` could be used more."""
    if stricter := rights.stricter(before, after):
        for follow in settings.RIGHTS_BECAME_STRICTER:
            import_string(follow)(after, stricter)


@transaction.atomic
def remove(*, asset: Asset) -> None:
    """Delete an asset; its files go when the transaction has committed."""
    paths = {
        asset.path,
        *map(asset.rendition_path, pictures.RENDITIONS),
        *map(asset.rendition_path_before, pictures.RENDITIONS),
    }
    asset.delete()
    _delete_after_commit(paths)


def _delete_after_commit(paths: Iterable[str]) -> None:
    def delete_files() -> None:
        for path in paths:
            try:
                default_storage.delete(path)
            except Exception as error:  # each storage raises its own; the others are tried still
                logger.warning("%s stays in the storage: %s", path, error)

    transaction.on_commit(delete_files, robust=True)


def rendition(*, asset: Asset, name: str) -> File[bytes]:
    """A rendition's file; drawn again if the storage lost it. Raises FileMissing, KeyError."""
    if name not in pictures.RENDITIONS:
        raise KeyError(name)
    path = asset.rendition_path(name)
    try:
        return default_storage.open(path)
    except FileNotFoundError:
        drawn = marked(asset, pictures.draw_renditions(original_bytes(asset)))[name]
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


def read_pixels(*, most: int = 200) -> int:
    """Colours and perceptual hash of assets that came in before they were read at intake; returns
    how many. A picture that cannot be read gets none, and is not tried again."""
    done = 0
    # in any order: those whose file is missing now must not hold up the others for ever
    for asset in Asset.objects.filter(colours=None).order_by("?")[:most]:
        read: dict[str, Any] = {"colours": []}
        try:
            with rendition(asset=asset, name="grid") as file:
                read = _pixels(*pictures.describe(file.read()))
        except PictureRefused as error:
            logger.warning("%s: %s", asset.path, error)
        except FileMissing as error:
            logger.warning("%s: %s", asset.path, error)
            continue
        for name, value in read.items():
            setattr(asset, name, value)
        asset.save(update_fields=list(read))
        done += 1
    return done


def _pixels(found: Iterable[str], perceptual_hash: int) -> dict[str, Any]:
    found = list(found)
    return {
        "colours": found,
        "colour_cells": colours.cells(found),
        "perceptual_hash": perceptual_hash,
    }


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


def _save_files(
    asset: Asset, data: bytes, picture: pictures.Picture, undo: list[Callable[[], None]]
) -> None:
    named = f"{PurePath(asset.filename).stem}.{picture.extension}"
    try:
        asset.file.save(named, ContentFile(data), save=False)
        undo.append(lambda: default_storage.delete(asset.path))
        for name, drawn in marked(asset, picture.renditions).items():
            path = default_storage.save(asset.rendition_path(name), ContentFile(drawn))
            undo.append(lambda path=path: default_storage.delete(path))  # type: ignore[misc]
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage does not take this file: {error}.") from error
