"""The only way into the library, and the only way to change or remove what is in it."""

from __future__ import annotations

import contextlib
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

from assetbank.assets import collections
from assetbank.assets import fields as editing
from assetbank.errors import FileMissing, InvalidAsset, PictureRefused, PictureTooLarge
from assetbank.media import colours, images
from assetbank.models import Asset, Brand, Collection
from assetbank.rights import check_source_type_claim, embed_xmp, read_source_type
from assetbank.text import clean_tags, clean_text, title_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestResult:
    """The asset, and whether it is new; False: the same bytes were in the brand already."""

    asset: Asset
    created: bool


@dataclass(frozen=True)
class GenerationProvenance:
    """What made a generated picture."""

    generation_id: int
    engine_model: str
    prompt: str
    preset: str = ""
    digital_source_type: str = ""  # IPTC's word


def ingest_asset(
    *,
    brand: Brand,
    file: File[bytes] | bytes,
    filename: str,
    by: User | None,
    origin: str = Asset.Origin.UPLOAD,
    tags: Iterable[str] = (),
    collection: Collection | None = None,
    provenance: GenerationProvenance | None = None,
    created_at: datetime.datetime | None = None,
    **fields: Any,
) -> IngestResult:
    """Take a picture in: recognise, verify, keep its bytes untouched, draw its renditions.

    `fields` are those of `editing.EDITABLE`. Raises PictureRefused, InvalidAsset and FileMissing.
    A process that is killed midway leaves no row; one that fails leaves no file.
    """
    data = _read(file)
    checksum = hashlib.sha256(data).hexdigest()
    if existing := _existing(brand, checksum, collection):
        return existing
    picture = images.examine(data)
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
        **(asdict(provenance) if provenance else read_source_type(data, picture)),
    )
    editing.assign_fields(asset, {"title": title_of(asset.filename), **fields})
    _check_new(asset, data, picture)
    try:
        _ingest(asset, data, picture, clean_tags(tags), collection)
    except IntegrityError:
        if existing := _existing(brand, checksum, collection):
            return existing  # the same bytes came in twice at the same time
        raise
    return IngestResult(asset, created=True)


def _check_new(asset: Asset, data: bytes, picture: images.ImageFacts) -> None:
    """Raises InvalidAsset."""
    if asset.generation_id is None:
        check_source_type_claim(data, picture, asset.digital_source_type)
    if asset.status == Asset.Status.APPROVED:
        raise InvalidAsset(editing.APPROVED_BY_DECISION)


def _ingest(
    asset: Asset,
    data: bytes,
    picture: images.ImageFacts,
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
                collections.add_assets(collection=collection, assets=[asset])
            committing = True
    except BaseException:
        if not (committing and _may_exist(asset)):
            for step in undo:
                with contextlib.suppress(Exception):  # what went wrong first is what is told
                    step()
        raise


def _may_exist(asset: Asset) -> bool:
    """Where nobody can tell: a file too many harms less than a row without one."""
    try:
        return Asset.objects.filter(brand=asset.brand, file=asset.file.name).exists()
    except DatabaseError:
        return True


def _existing(brand: Brand, checksum: str, collection: Collection | None) -> IngestResult | None:
    asset = Asset.objects.filter(brand=brand, checksum=checksum).first()
    if asset is None:
        return None
    if collection:
        collections.add_assets(collection=collection, assets=[asset])
    return IngestResult(asset, created=False)


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
    asset: Asset, data: bytes, picture: images.ImageFacts, undo: list[Callable[[], None]]
) -> None:
    named = f"{PurePath(asset.filename).stem}.{picture.extension}"
    try:
        asset.file.save(named, ContentFile(data), save=False)
        undo.append(lambda: default_storage.delete(asset.path))
        for name, drawn in embed_xmp(asset, picture.renditions).items():
            path = default_storage.save(asset.rendition_path(name), ContentFile(drawn))
            undo.append(lambda path=path: default_storage.delete(path))  # type: ignore[misc]
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage does not take this file: {error}.") from error
