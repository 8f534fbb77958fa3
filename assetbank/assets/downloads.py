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
from assetbank.rights import provenance
from assetbank.rights.content_credentials import Credentials, read

FORMATS = {  # as people name them -> Pillow's name, MIME type and extension
    "jpeg": ("JPEG", "image/jpeg", "jpg"),
    "png": ("PNG", "image/png", "png"),
    "webp": ("WEBP", "image/webp", "webp"),
    "tiff": ("TIFF", "image/tiff", "tif"),
}
SIDES = (800, 1600, 3000)  # that a menu offers, in pixels
SHORTEST, LONGEST = 16, 8_000
KEPT_S = 24 * 3600


@dataclass(frozen=True)
class Download:
    data: bytes
    mime: str
    filename: str


def draw(*, asset: Asset, fmt: str, side: int | None = None) -> Download:
    """`side`: at most so many pixels long, and never more than the original has.

    The file carries the kind of its source, the engine, credit and licence as XMP. Raises
    InvalidAsset, FileMissing and PictureRefused.
    """
    if fmt not in FORMATS:
        raise InvalidAsset(f"The format is one of {', '.join(FORMATS)}.")
    if side is not None and not SHORTEST <= side <= LONGEST:
        raise InvalidAsset(f"A side has {SHORTEST} to {LONGEST:,} pixels.")
    longest = min(side or LONGEST, max(asset.width, asset.height), LONGEST)
    name, mime, extension = FORMATS[fmt]
    data = images.draw(
        files.original_bytes(asset), fmt=name, side=longest, xmp=provenance.packet(asset)
    )
    stem = PurePath(asset.filename).stem[:200] or "picture"
    return Download(data, mime, f"{stem}-{longest}.{extension}")


def credentials(asset: Asset) -> Credentials | None:
    """Those that the original carries; None: none. Kept for a day. Raises FileMissing."""
    key = f"credentials-{asset.checksum}"
    kept: tuple[Credentials | None] | None = cache.get(key)
    if kept is None:
        kept = (read(files.original_bytes(asset), asset.mime),)
        cache.set(key, kept, KEPT_S)
    return kept[0]


def sides(asset: Asset) -> list[int]:
    """Those smaller than the original, and that itself."""
    longest = min(max(asset.width, asset.height), LONGEST)
    return [*(side for side in SIDES if side < longest), longest]


def original_name(asset: Asset) -> str:
    """The name it came with, ending as what it is: a picture can be a web page or a program too,
    to whatever opens it by its name."""
    kind, _ = mimetypes.guess_type(asset.filename)
    extension = PurePath(asset.path).suffix
    says_so = kind == asset.mime or asset.filename.lower().endswith(extension)
    return asset.filename if says_so else f"{asset.filename}{extension}"


def allowed(person: permissions.Person, asset: Asset) -> bool:
    """What is in quarantine leaves only with those who decide about it."""
    return asset.status != Asset.Status.QUARANTINED or permissions.may_manage(person, asset.brand)


def require(person: permissions.Person, asset: Asset) -> None:
    """Raises NotAllowed."""
    if not allowed(person, asset):
        raise NotAllowed(
            f"“{asset}” is quarantined: a right that it needs was withdrawn. "
            f"Ask a manager of {asset.brand}."
        )
