"""Ingest: the only way to add an asset to the library."""

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

from assetbank.assets import collections, trash
from assetbank.assets import fields as asset_fields
from assetbank.errors import (
    FileMissing,
    InvalidAsset,
    PictureRefused,
    PictureTooLarge,
)
from assetbank.media import colours, images
from assetbank.models import Asset, Brand, Collection
from assetbank.rights import check_source_type_claim, embed_xmp, read_source_type
from assetbank.text import clean_tags, clean_text, title_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestResult:
    """An ingested asset; `created` is False if the brand had an asset with the same bytes."""

    asset: Asset
    created: bool


@dataclass(frozen=True)
class GenerationProvenance:
    """Provenance of a generated image: fields of its asset."""

    generation_id: int
    engine_model: str
    prompt: str
    preset: str = ""
    digital_source_type: str = ""  # term of IPTC's vocabulary


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
    """Add an image to a brand: verify it, store its bytes unchanged, render its renditions.

    `fields` are those of `asset_fields.EDITABLE`. An asset of the brand with the same bytes is
    returned instead, and added to `collection`. If killed midway it leaves no row, if it fails no
    file. Raises PictureRefused, InvalidAsset, FileMissing, and AssetInTrash.
    """
    data = _read(file)
    checksum = hashlib.sha256(data).hexdigest()
    if existing := _existing(brand, checksum, collection, origin):
        return existing
    image = images.examine(data)
    asset = Asset(
        brand=brand,
        origin=origin,
        created_by=by,
        created_at=created_at or timezone.now(),
        **_file_fields(filename, data, checksum, image),
        **(asdict(provenance) if provenance else read_source_type(data, image)),
    )
    _assign_fields(asset, fields, data, image)
    try:
        _save(asset, data, image, clean_tags(tags), collection)
    except IntegrityError:
        if existing := _existing(brand, checksum, collection, origin):
            return existing  # the same bytes were ingested at the same time
        raise
    return IngestResult(asset, created=True)


def _file_fields(
    filename: str, data: bytes, checksum: str, image: images.ImageFacts
) -> dict[str, Any]:
    """Return the fields of an asset that describe its file and its pixels."""
    return {
        "filename": clean_text(PurePath(filename.replace("\\", "/")).name)[-255:] or "picture",
        "checksum": checksum,
        "mime": image.mime,
        "width": image.width,
        "height": image.height,
        "bytes": len(data),
        **feature_fields(image.colours, image.perceptual_hash),
    }


def _assign_fields(
    asset: Asset, fields: dict[str, Any], data: bytes, image: images.ImageFacts
) -> None:
    """Assign the fields, and a title made of the file name if they have none.

    Raises InvalidAsset for an invalid value, also for a status or a source type that a new asset
    cannot have.
    """
    asset_fields.assign_fields(asset, {"title": title_of(asset.filename), **fields})
    if asset.generation_id is None:
        check_source_type_claim(data, image, asset.digital_source_type)
    if asset.status == Asset.Status.APPROVED:
        raise InvalidAsset(asset_fields.APPROVED_BY_DECISION)


def _save(
    asset: Asset,
    data: bytes,
    image: images.ImageFacts,
    tags: list[str],
    collection: Collection | None,
) -> None:
    """Save the files, then the row.

    Files come first: saving them may be slow, and no transaction must wait for it. If anything
    fails, they are deleted again, unless the row exists: an error from COMMIT does not prove that
    nothing was committed.
    """
    undo: list[Callable[[], None]] = []
    committing = False
    try:
        _save_files(asset, data, image, undo)
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
                with contextlib.suppress(Exception):  # the first error is the one to report
                    step()
        raise


def _may_exist(asset: Asset) -> bool:
    """Return whether the asset's row may have been committed.

    If that cannot be found out, the answer is True: an orphaned file does less harm than a row
    without a file.
    """
    try:
        return Asset.all_objects.filter(brand=asset.brand, file=asset.file.name).exists()
    except DatabaseError:
        return True


def _existing(
    brand: Brand, checksum: str, collection: Collection | None, origin: str
) -> IngestResult | None:
    """Return the brand's asset with these bytes, added to the collection; None: there is none.

    Raises AssetInTrash for one in the trash; but a generated image, which was paid for, is
    restored.
    """
    asset = Asset.all_objects.filter(brand=brand, checksum=checksum).first()
    if asset is None:
        return None
    if asset.in_trash:
        if origin != Asset.Origin.GENERATED:
            raise trash.upload_error(asset)
        trash.restore_assets(assets=[asset], by=None)
        asset.refresh_from_db()
    if collection:
        collections.add_assets(collection=collection, assets=[asset])
    return IngestResult(asset, created=False)


def feature_fields(dominant: Iterable[str], perceptual_hash: int) -> dict[str, Any]:
    """Return the fields of an asset that hold its dominant colours and its perceptual hash."""
    dominant = list(dominant)
    return {
        "colours": dominant,
        "colour_cells": colours.cells(dominant),
        "perceptual_hash": perceptual_hash,
    }


def _read(file: File[bytes] | bytes) -> bytes:
    """Return the file's bytes. Raises PictureRefused if it is empty or too large."""
    if isinstance(file, bytes):
        data = file
    else:
        file.seek(0)
        data = file.read(settings.MAX_UPLOAD_BYTES + 1)
    if not data:
        raise PictureRefused("This file is empty.")
    if len(data) > settings.MAX_UPLOAD_BYTES:
        limit = settings.MAX_UPLOAD_BYTES / 2**20
        raise PictureTooLarge(f"This file is larger than the maximum of {limit:.0f} MB.")
    return data


def _save_files(
    asset: Asset, data: bytes, image: images.ImageFacts, undo: list[Callable[[], None]]
) -> None:
    name = f"{PurePath(asset.filename).stem}.{image.extension}"
    try:
        asset.file.save(name, ContentFile(data), save=False)
        undo.append(lambda: default_storage.delete(asset.path))
        for rendition, rendered in embed_xmp(asset, image.renditions).items():
            path = default_storage.save(asset.rendition_path(rendition), ContentFile(rendered))
            undo.append(lambda path=path: default_storage.delete(path))  # type: ignore[misc]
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage rejects this file: {error}.") from error
