"""Versions of an asset's file: replace the file, restore an earlier one, read and compare them.

The bytes of every version stay, as do the asset's metadata, terms, tags, collections, lineage and
address. All that is computed from the file belongs to the current one.
"""

from __future__ import annotations

import copy
import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.utils import timezone

from assetbank import errors, hooks, permissions
from assetbank.assets import approval, backfill, files, ingest
from assetbank.assets.update import update_asset
from assetbank.errors import AssetGone, FileMissing, InvalidAsset, SameFile
from assetbank.media import decoder, phash
from assetbank.media.metadata import FileMetadata
from assetbank.models import FILE_FIELDS, Asset, AssetVersion
from assetbank.rights import MADE_WITH_AI, read_source_type
from assetbank.text import clean_text

MAX_REASON_LENGTH = 500

Facts = dict[str, Any]  # the FILE_FIELDS of an asset and their values


@dataclass(frozen=True)
class Comparison:
    """Two versions of an asset. `bits` of 64 differ between their perceptual hashes, None if one
    has none; the files of `missing` cannot be read."""

    first: AssetVersion
    second: AssetVersion
    bits: int | None
    missing: list[AssetVersion]


# ------------------------------------------------------------------------ changing


def replace_file(
    *, asset: Asset, file: File[bytes] | bytes, filename: str, by: User | None, reason: str = ""
) -> AssetVersion:
    """Give an asset another file, and return its new version; the earlier file stays as a version.

    `asset` has the new file afterwards. The bytes of an earlier version restore that one. `by` is
    None for imports. If killed midway, the asset has its earlier file or the new one, whole.

    Raises:
        NotAllowed: `by` may not edit the asset.
        PictureRefused: the file is no image that is supported.
        SameFile: this is the current file of the asset, or of another one of the brand.
        InvalidAsset: the asset is quarantined, or the reason is too long.
        AssetGone: the asset was deleted in the meantime.
        FileMissing: the storage rejects the file.
    """
    reason = _clean_reason(reason)
    data = ingest.read_upload(file)
    checksum = hashlib.sha256(data).hexdigest()
    _check(asset, checksum, by)
    if earlier := asset.versions.filter(checksum=checksum).first():
        return restore_version(asset=asset, number=earlier.number, by=by, reason=reason)
    image = decoder.examine(data)
    facts = ingest.file_fields(filename, data, checksum, image)
    facts |= read_source_type(data, image)
    after = copy.copy(asset)
    # A file field of its own: the copied one would change the path of `asset`, too
    own = {"file": asset.path, "digital_source_type": _source_type(asset, facts)}
    _assign(after, {**facts, **own})
    committed = AssetVersion.objects.filter(asset=after)
    with files.deleted_on_failure(lambda: committed.filter(file=after.path).exists()) as new:
        # A name of its own, also in a storage that would overwrite a file of the same name
        ingest.save_files(after, data, image, new, prefix=f"{uuid.uuid4().hex[:12]}-")
        with transaction.atomic():
            facts |= {"file": after.path}
            version = _make_current(asset, facts, by=by, reason=reason, said=image.metadata)
            new.committing = True
    return version


def restore_version(
    *, asset: Asset, number: int, by: User | None, reason: str = ""
) -> AssetVersion:
    """Make the file of an earlier version current again, as a new version, and return that.

    Nothing is decoded: what was computed from that file is known, and its renditions are there.
    Raises NotAllowed, SameFile, InvalidAsset and AssetGone as `replace_file` does, and FileMissing
    if the file of the version cannot be read, or is not what it was.
    """
    reason = _clean_reason(reason)
    earlier = get_version(asset, number)
    _check(asset, earlier.checksum, by)
    if hashlib.sha256(read_version(earlier)).hexdigest() != earlier.checksum:
        raise FileMissing(f"The file of {earlier} has changed in the storage.")
    with transaction.atomic():
        return _make_current(asset, earlier.facts, by=by, reason=reason, restored_from=number)


def _make_current(
    asset: Asset,
    facts: Facts,
    *,
    by: User | None,
    reason: str,
    restored_from: int | None = None,
    said: FileMetadata | None = None,
) -> AssetVersion:
    """Record the current file as a version, and give the asset the file that `facts` describe.

    What a new file says of itself (`said`) fills the fields that are empty.
    """
    locked = _lock(asset)
    _check(locked, facts["checksum"], by=None)
    before = _record_current(locked)
    facts = {**facts, "digital_source_type": _source_type(locked, facts)}
    _assign(locked, facts)
    locked.version, locked.metadata_read_at = before.number + 1, timezone.now()
    try:
        with transaction.atomic():
            locked.save(update_fields=[*FILE_FIELDS, "version", "metadata_read_at", "updated_at"])
    except IntegrityError:  # another asset got this file in the meantime
        _check_others(locked, facts["checksum"])
        raise
    version = AssetVersion.objects.create(
        asset=locked,
        number=locked.version,
        restored_from=restored_from,
        reason=reason,
        created_by=by,
        **facts,
    )
    if said and not locked.generation_id and (missing := backfill.missing(locked, said)):
        update_asset(asset=locked, **missing)
    hooks.file_replaced(locked, before)
    approval.ask_again(asset=locked, by=by, reason=_sentence(version))
    asset.refresh_from_db()
    version.asset = asset
    return version


def _lock(asset: Asset) -> Asset:
    rows = Asset.objects.select_for_update(of=("self",)).select_related("brand", "created_by")
    locked = rows.filter(pk=asset.pk).first()
    if locked is None:
        raise AssetGone(f"“{asset}” was deleted in the meantime.")
    return locked


def _record_current(asset: Asset) -> AssetVersion:
    """Return the version of the asset's current file; create its row if it is the first one."""
    facts = _facts_of(asset)
    first = {"created_by": asset.created_by, "created_at": asset.created_at}
    # An edit may have changed its source type, and a backfill its colours
    version, _ = AssetVersion.objects.update_or_create(
        asset=asset, number=asset.version, defaults=facts, create_defaults={**facts, **first}
    )
    return version


def _assign(asset: Asset, facts: Facts) -> None:
    for name, value in facts.items():
        setattr(asset, name, value)


def _source_type(asset: Asset, facts: Facts) -> str:
    """Return the digital source type of the asset with another file.

    That something was made with AI is never forgotten by itself: a retouched file rarely says so.
    """
    before, after = asset.digital_source_type, facts["digital_source_type"]
    if before in MADE_WITH_AI or asset.generation_id or not after:
        return before
    return str(after)


def _sentence(version: AssetVersion) -> str:
    """Return what happened, for the decisions about the asset."""
    what = f"Version {version.number}"
    if version.restored_from:
        what += f", restored from version {version.restored_from}"
    return f"{what}: {version.reason}"[:MAX_REASON_LENGTH] if version.reason else f"{what}."


def _clean_reason(reason: str) -> str:
    reason = clean_text(reason)
    if len(reason) > MAX_REASON_LENGTH:
        raise InvalidAsset(f"The reason has more than {MAX_REASON_LENGTH} characters. Shorten it.")
    return reason


def _check(asset: Asset, checksum: str, by: User | None) -> None:
    """Raise an error if the asset may not get this file, or not from `by`."""
    if by is not None:
        permissions.require_editor(by, asset.brand)
    if asset.status == Asset.Status.QUARANTINED:
        raise InvalidAsset(
            f"“{asset}” is quarantined: its usage rights were revoked. Reinstate them before you "
            "replace the file."
        )
    if asset.checksum == checksum:
        raise SameFile(f"This is the current file of “{asset}” already: nothing was replaced.")
    _check_others(asset, checksum)


def _check_others(asset: Asset, checksum: str) -> None:
    """Raise SameFile if another asset of the brand has these bytes: they are one asset."""
    others = Asset.all_objects.filter(brand=asset.brand_id, checksum=checksum).exclude(pk=asset.pk)
    if other := others.first():
        error = SameFile(
            f"“{other}”, asset {other.pk} of {other.brand}, has this file already. Merge the two "
            "assets, or delete the other one first."
        )
        error.extra = {"asset": str(other.pk), "address": other.get_absolute_url()}
        raise error


# ------------------------------------------------------------------------ reading


def list_versions(asset: Asset) -> list[AssetVersion]:
    """Return the versions of an asset, the current one first, each with its user; of an asset that
    was never replaced, its only one, unsaved."""
    rows = list(asset.versions.select_related("created_by"))
    return rows or [_only_version(asset)]


def get_version(asset: Asset, number: int) -> AssetVersion:
    """Return a version of an asset by its number. Raises AssetGone if there is none."""
    if number == asset.version == 1:
        return _only_version(asset)
    version = asset.versions.filter(number=number).first()
    if version is None:
        raise AssetGone(f"“{asset}” has no version {number}.")
    return version


def with_checksum(asset: Asset, checksum: str) -> Asset | None:
    """Return the asset with the file of that checksum in place of its current one, for reading;
    None if it never had that file."""
    if asset.checksum == checksum:
        return asset
    if asset.version == 1:  # the usual case: it had no other file
        return None
    version = asset.versions.filter(checksum=checksum).first()
    return version.as_asset if version else None


def compare_versions(asset: Asset, first: int, second: int) -> Comparison:
    """Return two versions of an asset, by number, and how they differ. Raises AssetGone."""
    one, other = (get_version(asset, number) for number in (first, second))
    bits = None
    if one.perceptual_hash is not None and other.perceptual_hash is not None:
        bits = phash.distance(one.perceptual_hash, other.perceptual_hash)
    return Comparison(one, other, bits, missing=[v for v in (one, other) if not _is_stored(v)])


def _is_stored(version: AssetVersion) -> bool:
    try:
        files.open_rendition(asset=version.as_asset, name="preview").close()
    except (FileMissing, errors.PictureRefused):
        return False
    return True


def read_version(version: AssetVersion) -> bytes:
    """Return the original bytes of a version. Raises FileMissing."""
    return files.read_original(version.as_asset)


def require_access(user: permissions.AnyUser, asset: Asset) -> None:
    """Raise NotAllowed if the user may not see earlier versions: viewers see the current file."""
    if not permissions.can_edit(user, asset.brand):
        raise errors.NotAllowed(
            f"Versions are for the creators and managers of {asset.brand}. Ask a manager for the "
            "creator role."
        )


def _only_version(asset: Asset) -> AssetVersion:
    return AssetVersion(
        asset=asset,
        number=asset.version,
        created_by=asset.created_by,
        created_at=asset.created_at,
        **_facts_of(asset),
    )


def _facts_of(asset: Asset) -> dict[str, Any]:
    """Return the FILE_FIELDS of an asset and their values; the file as its path."""
    return {name: getattr(asset, name) for name in FILE_FIELDS} | {"file": asset.path}
