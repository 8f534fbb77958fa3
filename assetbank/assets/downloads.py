"""A picture in another size or format: drawn when it is asked for, and saying how it was made; and
the Content Credentials of originals."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from pathlib import PurePath

from django.core.cache import cache

from assetbank import permissions
from assetbank.assets import files
from assetbank.errors import InvalidAsset, NotAllowed
from assetbank.media import images
from assetbank.models import Asset
from assetbank.rights import Credentials, parse_credentials, provenance

FORMATS = {  # as people name them -> Pillow's name, MIME type and extension
    "jpeg": ("JPEG", "image/jpeg", "jpg"),
    "png": ("PNG", "image/png", "png"),
    "webp": ("WEBP", "image/webp", "webp"),
    "tiff": ("TIFF", "image/tiff", "tif"),
}
SIDES = (800, 1600, 3000)  # that a menu offers, in pixels
MIN_SIDE, MAX_SIDE = 16, 8_000
CACHE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Download:
    data: bytes
    mime: str
    filename: str


def render_download(*, asset: Asset, fmt: str, side: int | None = None) -> Download:
    """`side`: at most so many pixels long, and never more than the original has.

    The file carries the kind of its source, the engine, credit and licence as XMP. Raises
    InvalidAsset, FileMissing and PictureRefused.
    """
    if fmt not in FORMATS:
        raise InvalidAsset(f"The format is one of {', '.join(FORMATS)}.")
    if side is not None and not MIN_SIDE <= side <= MAX_SIDE:
        raise InvalidAsset(f"A side has {MIN_SIDE} to {MAX_SIDE:,} pixels.")
    longest = min(side or MAX_SIDE, max(asset.width, asset.height), MAX_SIDE)
    name, mime, extension = FORMATS[fmt]
    data = images.render(
        files.read_original(asset), fmt=name, side=longest, xmp=provenance.xmp_packet(asset)
    )
    stem = PurePath(asset.filename).stem[:200] or "picture"
    return Download(data, mime, f"{stem}-{longest}.{extension}")


def read_credentials(asset: Asset) -> Credentials | None:
    """Those that the original carries; None: none. Kept for a day. Raises FileMissing."""
    key = f"credentials-{asset.checksum}"
    kept: tuple[Credentials | None] | None = cache.get(key)
    if kept is None:
        kept = (parse_credentials(files.read_original(asset), asset.mime),)
        cache.set(key, kept, CACHE_SECONDS)
    return kept[0]


def offered_sides(asset: Asset) -> list[int]:
    """Those smaller than the original, and that itself."""
    longest = min(max(asset.width, asset.height), MAX_SIDE)
    return [*(side for side in SIDES if side < longest), longest]


def original_name(asset: Asset) -> str:
    """The name it came with, ending as what it is: a picture can be a web page or a program too,
    to whatever opens it by its name."""
    kind, _ = mimetypes.guess_type(asset.filename)
    extension = PurePath(asset.path).suffix
    says_so = kind == asset.mime or asset.filename.lower().endswith(extension)
    return asset.filename if says_so else f"{asset.filename}{extension}"


def may_download(person: permissions.AnyUser, asset: Asset) -> bool:
    """What is in quarantine leaves only with those who decide about it."""
    return asset.status != Asset.Status.QUARANTINED or permissions.can_manage(person, asset.brand)


def require_download(person: permissions.AnyUser, asset: Asset) -> None:
    """Raises NotAllowed."""
    if not may_download(person, asset):
        raise NotAllowed(
            f"“{asset}” is quarantined: a right that it needs was withdrawn. "
            f"Ask a manager of {asset.brand}."
        )
