"""Explanation steps about an asset's files in the storage."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.core.files.storage import default_storage
from django.template.defaultfilters import filesizeformat

from assetbank.media import images
from assetbank.models import Asset
from search.explain.types import Detail, Repair, State, Step, step


def original(asset: Asset) -> Step:
    """Compare the stored original with its size and checksum at upload."""
    path = Detail("Path", asset.path)
    try:
        with default_storage.open(asset.path) as file:
            size = file.size
            checksum = hashlib.sha256()
            reads = size == asset.bytes and size <= settings.MAX_UPLOAD_BYTES
            for chunk in file.chunks() if reads else ():
                checksum.update(chunk)
    except FileNotFoundError:
        return step(
            "original",
            State.BAD,
            "The original file is missing from the storage. Restore it from a backup to the "
            "same path, or upload it again.",
            [path],
        )
    except Exception as error:  # each storage backend raises its own
        sentence = f"The file storage is not responding: {error}."
        return step("original", State.BAD, sentence, [path])
    details = [
        path,
        Detail("Size", f"{size} bytes; {asset.bytes} at upload"),
        Detail("SHA-256", checksum.hexdigest() if reads else "not read"),
    ]
    if size != asset.bytes or (reads and checksum.hexdigest() != asset.checksum):
        details.append(Detail("SHA-256 at upload", asset.checksum))
        sentence = (
            "The file in the storage differs from the uploaded one. Restore the original from "
            "a backup, or upload it again."
        )
        return step("original", State.BAD, sentence, details)
    if not reads:
        sentence = "It exists with the expected size; it is too large to verify its checksum here."
        return step("original", State.GOOD, sentence, details)
    sentence = f"It is in the storage, unchanged ({filesizeformat(size)})."
    return step("original", State.GOOD, sentence, details)


def renditions(asset: Asset) -> Step:
    """Check that each rendition exists."""
    missing, details = [], []
    try:
        for name, side in images.RENDITIONS.items():
            path = asset.rendition_path(name)
            exists = default_storage.exists(path)
            missing += [] if exists else [name]
            details.append(Detail(f"{name}, {side} px", path, _state(exists)))
    except Exception as error:  # each storage backend raises its own
        return step("renditions", State.BAD, f"The file storage is not responding: {error}.")
    if missing:
        sentence = f"Missing: {' and '.join(missing)}. They can be recreated from the original."
        return step("renditions", State.BAD, sentence, details, (Repair.RENDITIONS,))
    return step("renditions", State.GOOD, "All renditions exist.", details)


def _state(exists: bool) -> State:
    return State.GOOD if exists else State.BAD
