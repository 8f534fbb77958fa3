"""Files of an asset in the storage: its original and its renditions."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction

from assetbank.errors import FileMissing
from assetbank.media import images
from assetbank.models import Asset
from assetbank.rights import embed_xmp

logger = logging.getLogger(__name__)


def delete_after_commit(paths: Iterable[str]) -> None:
    """Delete files when the transaction has committed; a file that remains is logged."""

    def delete_files() -> None:
        for path in paths:
            try:
                default_storage.delete(path)
            except Exception as error:  # each storage backend raises its own; go on with the rest
                logger.warning("%s stays in the storage: %s", path, error)

    transaction.on_commit(delete_files, robust=True)


def file_paths(asset: Asset) -> set[str]:
    """Return the path of every file of an asset in the storage, also of those it no longer uses."""
    return {
        asset.path,
        *map(asset.rendition_path, images.RENDITIONS),
        *map(asset.rendition_path_without_source_type, images.RENDITIONS),
    }


def delete_files(*, paths: Iterable[str]) -> None:
    """Delete files from the storage; those that are missing already count as deleted.

    Raises FileMissing after all were tried if the storage did not delete some of them.
    """
    failed: dict[str, Exception] = {}
    for path in paths:
        try:
            default_storage.delete(path)
        except Exception as error:  # each storage backend raises its own; go on with the rest
            failed[path] = error
    if failed:
        first, why = next(iter(failed.items()))
        raise FileMissing(
            f"The file storage did not delete {len(failed)} files, among them {first}: {why}."
        ) from why


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
        try:
            saved = default_storage.save(path, ContentFile(rendered))
            if saved != path:  # another process saved it first
                default_storage.delete(saved)
        except Exception as error:
            raise FileMissing(f"The file storage rejects a file: {error}.") from error
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
