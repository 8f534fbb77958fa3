"""Files of an asset in the storage: its original, its renditions, and those of its versions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction

from assetbank.errors import FileMissing
from assetbank.media import images
from assetbank.models import Asset
from assetbank.rights import embed_xmp

logger = logging.getLogger(__name__)


@dataclass
class NewFiles:
    """Files that are in the storage before the row that refers to them: saving them may be slow,
    and no transaction must wait for it."""

    paths: list[str] = field(default_factory=list)
    committing: bool = False  # the transaction with the row is about to commit


@contextmanager
def deleted_on_failure(may_exist: Callable[[], bool]) -> Iterator[NewFiles]:
    """Delete the new files if anything fails, unless `may_exist()`, which looks for their row.

    An error from COMMIT does not prove that nothing was committed; if that cannot be found out, the
    files stay: an orphaned file does less harm than a row without a file.
    """
    new = NewFiles()
    try:
        yield new
    except BaseException:
        if not (new.committing and _unless_unknown(may_exist)):
            for path in new.paths:
                with suppress(Exception):  # the first error is the one to report
                    default_storage.delete(path)
        raise


def _unless_unknown(may_exist: Callable[[], bool]) -> bool:
    try:
        return may_exist()
    except DatabaseError:
        return True


def file_paths(asset: Asset) -> set[str]:
    """Return the paths of all files that an asset may have in the storage: its original, the
    renditions, and those of its other versions."""
    paths = set()
    for each in (asset, *(version.as_asset for version in asset.versions.all())):
        paths |= {each.path, each.path_without_location}
        paths.update(map(each.rendition_path, images.RENDITIONS))
        paths.update(map(each.rendition_path_without_source_type, images.RENDITIONS))
    return paths


def delete_after_commit(paths: Iterable[str]) -> None:
    """Delete files when the transaction has committed; a file that remains is logged."""

    def delete_files() -> None:
        for path in paths:
            try:
                default_storage.delete(path)
            except Exception as error:  # each storage backend raises its own; go on with the rest
                logger.warning("%s stays in the storage: %s", path, error)

    transaction.on_commit(delete_files, robust=True)


def exists(path: str) -> bool:
    """Return whether the storage has a file. Raises FileMissing if the storage is unavailable."""
    try:
        return default_storage.exists(path)
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage is not responding: {error}.") from error


def save_copy(path: str, data: bytes) -> None:
    """Save a file that is made from an original, unless another process saved it first.

    Raises FileMissing.
    """
    if exists(path):
        return
    try:
        saved = default_storage.save(path, ContentFile(data))
        if saved != path:  # another process saved it in the meantime
            default_storage.delete(saved)
    except Exception as error:
        raise FileMissing(f"The file storage rejects a file: {error}.") from error


def open_rendition(*, asset: Asset, name: str) -> File[bytes]:
    """Open a rendition; render it again from the original if the storage has lost it.

    Raises KeyError if there is no rendition of that name, and FileMissing if neither file can be
    read.
    """
    if name not in images.RENDITIONS:
        raise KeyError(name)
    path = asset.rendition_path(name)
    try:
        return default_storage.open(path)
    except FileNotFoundError:
        rendered = embed_xmp(asset, images.render_renditions(read_original(asset)))[name]
        save_copy(path, rendered)
        return ContentFile(rendered, name=path)
    except Exception as error:
        raise FileMissing(f"The file storage is not responding: {error}.") from error


def read_original(asset: Asset) -> bytes:
    """Return the original's bytes.

    Raises FileMissing if the file is missing, or the storage is unavailable.
    """
    try:
        with asset.file.open("rb") as file:
            data: bytes = file.read()
            return data
    except FileNotFoundError as error:
        raise FileMissing(f"The original file of “{asset}” is missing from the storage.") from error
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage is not responding: {error}.") from error
