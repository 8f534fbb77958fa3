"""Originals in other sizes and formats: rendered once, and kept in the storage for a while.

A size of the download menu is rendered from the original. Any other size is reduced from the
lossless rendering of the next larger size of the menu. So an expensive original is decoded a few
times at most, whatever sizes are asked for. Metadata is added when a file is sent.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import time
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db.models import Exists, OuterRef, Sum
from django.utils import timezone

from assetbank.assets.files import read_original, save_copy
from assetbank.errors import FileMissing, TooManyAttempts
from assetbank.locks import session_lock
from assetbank.media import decoder
from assetbank.models import RENDITION_RULES, Asset, RenderedFile, rendered_path
from assetbank.permissions import AnyUser

logger = logging.getLogger(__name__)

SIDES = (800, 1600, 3000)  # longest sides that the download menu offers, in pixels
LOSSLESS = "PNG"
AT_ONCE = 2  # files that are rendered for one user
WAIT_SECONDS = 5.0
NOTED_EVERY = 3600  # seconds; how exactly `used_at` is kept


def render(*, asset: Asset, fmt: str, side: int, by: AnyUser | None) -> bytes:
    """Return the original as a file of Pillow's format `fmt`, its longest side `side` pixels.

    It has no metadata. Raises FileMissing, PictureRefused, and TooManyAttempts if the user has
    AT_ONCE files rendered already.
    """
    cached = _read(asset, fmt, side)
    if cached is not None:
        return cached
    with _turn(by):
        return _rendered(asset, fmt, side)


def paths(checksum: str) -> set[str]:
    """Return the paths of all files that are kept of an original."""
    return {row.path for row in RenderedFile.objects.filter(checksum=checksum)}


def delete_unused() -> int:
    """Delete files that nobody asked for in DOWNLOAD_CACHE_DAYS, those of originals that no asset
    has, and the least used beyond DOWNLOAD_CACHE_BYTES; return how many."""
    before = timezone.now() - datetime.timedelta(days=settings.DOWNLOAD_CACHE_DAYS)
    assets = Asset.objects.filter(checksum=OuterRef("checksum"))
    deleted = _delete(RenderedFile.objects.filter(used_at__lt=before).values_list("pk", flat=True))
    orphans = RenderedFile.objects.exclude(Exists(assets))
    deleted += _delete(orphans.values_list("pk", flat=True))
    total = RenderedFile.objects.aggregate(total=Sum("bytes"))["total"] or 0
    excess, surplus = [], total - settings.DOWNLOAD_CACHE_BYTES
    for pk, size in RenderedFile.objects.order_by("used_at").values_list("pk", "bytes"):
        if surplus <= 0:
            break
        excess.append(pk)
        surplus -= size
    return deleted + _delete(excess)


def _rendered(asset: Asset, fmt: str, side: int) -> bytes:
    """Return the file; render and keep it, unless another process has done so in the meantime."""
    with session_lock(f"render-{asset.checksum}-{fmt}-{side}", wait=True):
        cached = _read(asset, fmt, side)
        if cached is not None:
            return cached
        larger = min((each for each in SIDES if each > side), default=0)
        largest = max(asset.width, asset.height)
        base = min(larger, largest) if larger else largest
        if side in SIDES or base == side or not larger:
            source = read_original(asset)
        else:
            source = _rendered(asset, LOSSLESS, base)
        data = decoder.render(source, fmt=fmt, side=side)
        _keep(asset, fmt, side, data)
        return data


def _read(asset: Asset, fmt: str, side: int) -> bytes | None:
    """Return the file that is kept, if there is one."""
    options = _options(fmt, side)
    try:
        with default_storage.open(rendered_path(asset.checksum, options)) as file:
            data: bytes = file.read()
    except FileNotFoundError:
        return None
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage is not responding: {error}.") from error
    if not cache.get(_noted_key(asset.checksum, options)):
        _note(asset.checksum, options, len(data))
    return data


def _keep(asset: Asset, fmt: str, side: int, data: bytes) -> None:
    """Store a rendered file; one that cannot be stored is rendered again the next time."""
    options = _options(fmt, side)
    if len(data) > settings.DOWNLOAD_CACHE_BYTES:
        return
    try:
        save_copy(rendered_path(asset.checksum, options), data)
    except FileMissing as error:
        logger.warning("a download of asset %s cannot be kept: %s", asset.pk, error)
        return
    _note(asset.checksum, options, len(data))


def _note(checksum: str, options: str, size: int) -> None:
    """Record that the file exists and is used."""
    RenderedFile.objects.bulk_create(
        [RenderedFile(checksum=checksum, options=options, bytes=size)],
        update_conflicts=True,
        unique_fields=["checksum", "options"],
        update_fields=["bytes", "used_at"],
    )
    cache.set(_noted_key(checksum, options), True, NOTED_EVERY)


def _noted_key(checksum: str, options: str) -> str:
    return f"rendered-{checksum}-{options}"


def _options(fmt: str, side: int) -> str:
    """Return what a file was rendered with; earlier rules of decoding are not asked for again."""
    return f"{fmt.lower()}-{side}-r{RENDITION_RULES}"


@contextlib.contextmanager
def _turn(user: AnyUser | None) -> Iterator[None]:
    """Wait until fewer than AT_ONCE files are rendered for the user, in any process.

    Raises TooManyAttempts after WAIT_SECONDS.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while user and user.pk:
        for place in range(AT_ONCE):
            with session_lock(f"render-for-{user.pk}-{place}", wait=False) as held:
                if held:
                    yield
                    return
        if time.monotonic() > deadline:
            raise TooManyAttempts(
                f"{AT_ONCE} downloads of yours are being rendered. Retry when they have arrived."
            )
        time.sleep(0.1)
    yield


def _delete(ids: Iterable[int]) -> int:
    """Delete the rows of these ids, and their files; rows of files that remain stay."""
    deleted = 0
    for row in RenderedFile.objects.filter(pk__in=list(ids)):
        try:
            default_storage.delete(row.path)
        except Exception as error:  # each storage backend raises its own; go on with the rest
            logger.warning("%s stays in the storage: %s", row.path, error)
            continue
        row.delete()
        deleted += 1
    return deleted
