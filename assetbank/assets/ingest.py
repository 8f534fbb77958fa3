"""Ingest: the only way to add an asset to the library."""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F, IntegerField, Value
from django.utils import timezone

from assetbank.assets import collections, trash
from assetbank.assets import fields as asset_fields
from assetbank.assets.files import NewFiles, deleted_on_failure, feature_fields
from assetbank.assets.metadata import custom_fields, from_file
from assetbank.assets.update import Added, complete_asset
from assetbank.errors import FileMissing, InvalidAsset, PictureRefused, PictureTooLarge
from assetbank.media import decoder, images
from assetbank.media.metadata import FileMetadata
from assetbank.models import Asset, Brand, Collection
from assetbank.rights import check_source_type_claim, embed_xmp, read_source_type
from assetbank.text import clean_text

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestResult:
    """An ingested asset; `created` is False if the brand had an asset with the same bytes.

    `added` is what that asset got in addition, and `version` the number of its earlier version that
    has these bytes; None if its current file has them.
    """

    asset: Asset
    created: bool
    added: Added = field(default_factory=Added)
    version: int | None = None


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
    complete: bool = False,
    **fields: Any,
) -> IngestResult:
    """Add an image to a brand: verify it, store its bytes unchanged, render its renditions.

    `fields` are those of `asset_fields.EDITABLE`; the file's own metadata fills the others, and
    adds to `tags`. With `complete`, required custom fields must have a value. An asset of the brand
    that has or had the same bytes is returned instead, completed with tags, collection and fields.
    If killed midway it leaves no row, if it fails no file. Raises PictureRefused, InvalidAsset,
    FileMissing and AssetInTrash.
    """
    checksum = hashlib.sha256(data := read_upload(file)).hexdigest()
    tags = list(tags)
    more = {"tags": tags, "collection": collection, **({} if provenance else fields)}
    if existing := _existing(brand, checksum, more, origin):
        return existing
    image = decoder.examine(data)
    facts = file_fields(filename, data, checksum, image)
    facts |= asdict(provenance) if provenance else read_source_type(data, image)
    facts["created_at"] = created_at or timezone.now()
    asset = Asset(brand=brand, origin=origin, created_by=by, **facts)
    _assign_fields(asset, fields, data, image, complete)
    try:
        _save(asset, data, image, from_file.tags_from_file(_said(asset, image), tags), collection)
    except IntegrityError:
        if existing := _existing(brand, checksum, more, origin):
            return existing  # the same bytes were ingested at the same time
        raise
    return IngestResult(asset, created=True)


def find_by_bytes(*, brand: Brand, checksum: str) -> tuple[Asset, int | None] | None:
    """Return the brand's asset that has these bytes, with None, or that had them in an earlier
    version, with its number; None: there is none. It may be in the trash."""
    current = Asset.all_objects.order_by().filter(brand=brand, checksum=checksum)
    earlier = Asset.all_objects.order_by().filter(brand=brand, versions__checksum=checksum)
    found = current.values_list("pk", Value(None, IntegerField())).union(
        earlier.values_list("pk", F("versions__number")), all=True
    )
    # Ids alone: most files are new, and rows have dozens of columns
    first = min(found, key=lambda row: row[1] or 0, default=None)
    asset = first and Asset.all_objects.filter(pk=first[0]).first()
    return (asset, first[1]) if first and asset else None


def file_fields(
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


def _said(asset: Asset, image: images.ImageFacts) -> FileMetadata:
    """Return what the file says of itself: nothing that counts, if the studio generated it."""
    return FileMetadata() if asset.generation_id else image.metadata


def _assign_fields(
    asset: Asset, fields: dict[str, Any], data: bytes, image: images.ImageFacts, complete: bool
) -> None:
    """Assign the fields; to those without a value what the file says, and defaults.

    Raises InvalidAsset for an invalid value, also for a status or a source type that a new asset
    cannot have.
    """
    said = _said(asset, image)
    asset.metadata_read_at = timezone.now()
    custom = {**from_file.custom_from_file(said, asset.brand), **fields.get("custom", {})}
    fields = {
        **fields,
        **from_file.fields_from_file(said, filename=asset.filename, given=fields),
        "custom": custom_fields.initial_values(asset.brand, custom, complete=complete),
    }
    asset_fields.assign_fields(asset, fields)
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
    """Save the files, then the row."""
    with deleted_on_failure(lambda: _may_exist(asset)) as new:
        save_files(asset, data, image, new)
        with transaction.atomic():
            asset.save(force_insert=True)
            if tags:
                asset.tags.add(*tags)
            if collection:
                collections.add_assets(collection=collection, assets=[asset])
            new.committing = True


def _may_exist(asset: Asset) -> bool:
    return Asset.all_objects.filter(brand=asset.brand, file=asset.file.name).exists()


def _existing(
    brand: Brand, checksum: str, more: dict[str, Any], origin: str
) -> IngestResult | None:
    """Return the brand's asset that has or had these bytes, completed with `more`; None: none.

    Raises AssetInTrash for one in the trash; but a generated image, which was paid for, is
    restored.
    """
    if (found := find_by_bytes(brand=brand, checksum=checksum)) is None:
        return None
    asset, version = found
    if asset.in_trash:
        if origin != Asset.Origin.GENERATED:
            raise trash.upload_error(asset)
        trash.restore_assets(assets=[asset], by=None)
        asset.refresh_from_db()
    return IngestResult(asset, False, complete_asset(asset=asset, **more), version)


def read_upload(file: File[bytes] | bytes) -> bytes:
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


def save_files(
    asset: Asset, data: bytes, image: images.ImageFacts, new: NewFiles, *, prefix: str = ""
) -> None:
    """Save the original, under a name that begins with `prefix`, and the renditions; assign the
    original to `asset`, without saving that. Raises FileMissing."""
    name = f"{prefix}{PurePath(asset.filename).stem}.{image.extension}"
    try:
        asset.file.save(name, ContentFile(data), save=False)
        new.paths.append(asset.path)
        for rendition, rendered in embed_xmp(asset, image.renditions).items():
            path = asset.rendition_path(rendition)
            new.paths.append(default_storage.save(path, ContentFile(rendered)))
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage rejects this file: {error}.") from error
