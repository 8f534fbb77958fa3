"""Downloads of an asset in another size or format, and the Content Credentials of originals.

A download is rendered on request (`rendered`). It carries the metadata of the original with the
changes that were made in the library, and the asset's provenance.
"""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from pathlib import PurePath

from django.core.cache import cache

from assetbank import permissions
from assetbank.assets import files, rendered
from assetbank.assets.metadata import custom_fields, from_file
from assetbank.errors import InvalidAsset, NotAllowed
from assetbank.media import decoder
from assetbank.media.metadata import strip_location, write_metadata
from assetbank.models import Asset
from assetbank.rights import Credentials, parse_credentials, provenance

FORMATS = {  # value of the `format` parameter -> Pillow's name, MIME type and extension
    "jpeg": ("JPEG", "image/jpeg", "jpg"),
    "png": ("PNG", "image/png", "png"),
    "webp": ("WEBP", "image/webp", "webp"),
    "tiff": ("TIFF", "image/tiff", "tif"),
}
MIN_SIDE, MAX_SIDE = 16, 8_000
CACHE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Download:
    data: bytes
    mime: str
    filename: str


def render_download(
    *,
    asset: Asset,
    fmt: str,
    side: int | None = None,
    location: bool = True,
    by: permissions.AnyUser | None = None,
) -> Download:
    """Render an asset as a file of format `fmt`, a key of FORMATS.

    `side` is the maximum length of the longer side in pixels; it is never enlarged beyond the
    original. The file carries the asset's metadata, without coordinates unless `location`. `by` is
    the user who waits for it.

    Raises:
        InvalidAsset: the format or the side is not offered.
        FileMissing: the original is missing, or the storage is unavailable.
        PictureRefused: the original cannot be decoded.
        TooManyAttempts: several downloads are being rendered for `by` already.
    """
    if fmt not in FORMATS:
        raise InvalidAsset(f"format must be one of {', '.join(FORMATS)}.")
    if side is not None and not MIN_SIDE <= side <= MAX_SIDE:
        raise InvalidAsset(f"side must be {MIN_SIDE} to {MAX_SIDE:,} pixels.")
    longest = min(side or MAX_SIDE, max(asset.width, asset.height), MAX_SIDE)
    name, mime, extension = FORMATS[fmt]
    pixels = rendered.render(asset=asset, fmt=name, side=longest, by=by)
    data = _embed(asset, files.read_original(asset), pixels, location)
    stem = PurePath(asset.filename).stem[:200] or "picture"
    return Download(data, mime, f"{stem}-{longest}.{extension}")


def _embed(asset: Asset, original: bytes, pixels: bytes, location: bool) -> bytes:
    """Return a rendered file with the asset's metadata, and those of its original."""
    written = write_metadata(
        pixels,
        fields=from_file.metadata_for_file(asset, decoder.read_metadata(original)),
        base=original,
        properties={
            **custom_fields.properties_from_custom(asset),
            **provenance.file_properties(asset),
        },
    )
    return written if location else strip_location(written)


def original_bytes(*, asset: Asset, location: bool) -> bytes:
    """Return the original, without coordinates unless `location`. Raises FileMissing."""
    data = files.read_original(asset)
    return data if location else strip_location(data)


def original_path(*, asset: Asset, location: bool) -> str:
    """Return the path of the file that is sent as the original.

    It is the original's, or without `location` that of a copy without coordinates, if the original
    has some; the copy is made on the first request. Raises FileMissing.
    """
    if location:
        return asset.path
    key = f"has-location-{asset.checksum}"
    has_location: bool | None = cache.get(key)
    if has_location is False:
        return asset.path
    path = files.path_without_location(asset)
    if has_location and files.exists(path):
        return path
    data = files.read_original(asset)
    stripped = strip_location(data)
    cache.set(key, stripped is not data, CACHE_SECONDS)
    if stripped is data:
        return asset.path
    files.save_copy(path, stripped)
    return path


def read_credentials(asset: Asset) -> Credentials | None:
    """Return the Content Credentials of the original, or None; cached for a day.

    Raises FileMissing.
    """
    key = f"credentials-{asset.checksum}"
    cached: tuple[Credentials | None] | None = cache.get(key)
    if cached is None:
        cached = (parse_credentials(files.read_original(asset), asset.mime),)
        cache.set(key, cached, CACHE_SECONDS)
    return cached[0]


def offered_sides(asset: Asset) -> list[int]:
    """Return the sizes of the menu below that of the original, and the largest that can be had."""
    longest = min(max(asset.width, asset.height), MAX_SIDE)
    return [*(side for side in rendered.SIDES if side < longest), longest]


def original_name(asset: Asset) -> str:
    """Return the original's file name with an extension that matches its MIME type.

    Without that, an uploaded image named `.html` or `.exe` would be opened as such.
    """
    kind, _ = mimetypes.guess_type(asset.filename)
    extension = PurePath(asset.path).suffix
    matches = kind == asset.mime or asset.filename.lower().endswith(extension)
    return asset.filename if matches else f"{asset.filename}{extension}"


def may_download(user: permissions.AnyUser, asset: Asset) -> bool:
    """Return whether the user may download an asset: one in quarantine only as a manager."""
    return asset.status != Asset.Status.QUARANTINED or permissions.can_manage(user, asset.brand)


def require_download(user: permissions.AnyUser, asset: Asset) -> None:
    """Raise NotAllowed if the user may not download the asset."""
    if not may_download(user, asset):
        raise NotAllowed(
            f"“{asset}” is quarantined: its usage rights were revoked. Ask a manager of "
            f"{asset.brand}."
        )
