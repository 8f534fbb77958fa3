"""Files of an asset in the storage: its original, its renditions, and those of its versions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction

from assetbank.errors import FileMissing, OriginalMissing
from assetbank.locks import session_lock
from assetbank.media import colours, decoder, images, phash
from assetbank.models import Asset, RenderedFile
from assetbank.rights import embed_xmp

logger = logging.getLogger(__name__)
SAME_PICTURE = 6  # bits of 64 in which the hashes of a picture differ if it is rendered otherwise


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
    renditions, rendered downloads, and those of its other versions."""
    paths, checksums = set(), []
    for each in (asset, *(version.as_asset for version in asset.versions.all())):
        checksums.append(each.checksum)
        paths |= {each.path, path_without_location(each)}
        paths.update(map(each.rendition_path, images.RENDITIONS))
        paths.update(map(each.rendition_path_without_source_type, images.RENDITIONS))
        paths.update(*map(each.outdated_rendition_paths, images.RENDITIONS))
    return paths | {each.path for each in RenderedFile.objects.filter(checksum__in=checksums)}


def delete_after_commit(paths: Iterable[str]) -> None:
    """Delete files when the transaction has committed; a file that remains is logged."""

    def delete_files() -> None:
        for path in paths:
            try:
                default_storage.delete(path)
            except Exception as error:  # each storage backend raises its own; go on with the rest
                logger.warning("%s stays in the storage: %s", path, error)

    transaction.on_commit(delete_files, robust=True)


def path_without_location(asset: Asset) -> str:
    """Return the path of the original's copy without coordinates, which exists if it was needed."""
    extension = asset.path.rpartition(".")[2]
    return f"renditions/{asset.folder}/{asset.checksum[:12]}-no-location.{extension}"


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
        return ContentFile(_render_again_once(asset, name), name=path)
    except Exception as error:
        raise FileMissing(f"The file storage is not responding: {error}.") from error


def _render_again_once(asset: Asset, name: str) -> bytes:
    """Render all renditions of an asset, once for all who wait for them; return that of a name."""
    with session_lock(f"renditions-{asset.pk}", wait=True):
        with (
            suppress(Exception),  # whatever is wrong with the storage, the line below tells
            default_storage.open(asset.rendition_path(name)) as file,
        ):
            data: bytes = file.read()
            return data
        return render_again(asset=asset)[name]


def render_again(*, asset: Asset) -> dict[str, bytes]:
    """Render an asset's renditions again; return them by name.

    Those of earlier rules are deleted, and what the asset's row says of the picture is corrected:
    it may have been read by the same rules. Raises FileMissing and PictureRefused.
    """
    facts = decoder.examine(read_original(asset))
    rendered = embed_xmp(asset, facts.renditions)
    for name, data in rendered.items():
        save_copy(asset.rendition_path(name), data)
    _correct(asset, facts)
    outdated = chain.from_iterable(map(asset.outdated_rendition_paths, images.RENDITIONS))
    delete_after_commit(list(outdated))
    return rendered


@transaction.atomic
def _correct(asset: Asset, facts: images.ImageFacts) -> None:
    """Correct size, colours and hash of the asset's row, unless its file was replaced.

    An update of the size tells search that the picture looks different, and is embedded again.
    """
    current = Asset.objects.select_for_update().filter(pk=asset.pk, checksum=asset.checksum)
    if (row := current.first()) is None:
        return
    size = {"width": facts.width, "height": facts.height}
    features = feature_fields(facts.colours, facts.perceptual_hash)
    known = row.perceptual_hash
    same = (row.width, row.height) == (facts.width, facts.height) and (
        known is None or phash.distance(known, facts.perceptual_hash) <= SAME_PICTURE
    )
    if same and row.colours == features["colours"]:
        return
    corrected = features if same else {**size, **features}
    for name, value in corrected.items():
        setattr(row, name, value)
        setattr(asset, name, value)
    row.save(update_fields=list(corrected))


def feature_fields(dominant: Iterable[str], perceptual_hash: int) -> dict[str, Any]:
    """Return the fields of an asset that hold its dominant colours and its perceptual hash."""
    dominant = list(dominant)
    return {
        "colours": dominant,
        "colour_cells": colours.cells(dominant),
        "perceptual_hash": perceptual_hash,
    }


def read_original(asset: Asset) -> bytes:
    """Return the original's bytes.

    Raises OriginalMissing, and FileMissing if the storage is unavailable.
    """
    try:
        with asset.file.open("rb") as file:
            data: bytes = file.read()
            return data
    except FileNotFoundError as error:
        raise OriginalMissing(
            f"The original file of “{asset}” is missing from the storage."
        ) from error
    except Exception as error:  # each storage backend raises its own
        raise FileMissing(f"The file storage is not responding: {error}.") from error
