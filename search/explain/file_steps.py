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
            "The original file is gone from the storage. Put it back from a backup, to the same "
            "path, or upload the picture again.",
            [path],
        )
    except Exception as error:  # each storage backend raises its own
        sentence = f"The file storage does not answer: {error}."
        return step("original", State.BAD, sentence, [path])
    details = [
        path,
        Detail("Size", f"{size} bytes; {asset.bytes} at intake"),
        Detail("SHA-256", checksum.hexdigest() if reads else "not read"),
    ]
    if size != asset.bytes or (reads and checksum.hexdigest() != asset.checksum):
        details.append(Detail("SHA-256 at intake", asset.checksum))
        sentence = (
            "The bytes in the storage are not those that came in. Put the original back from a "
            "backup, or upload the picture again."
        )
        return step("original", State.BAD, sentence, details)
    if not reads:
        sentence = "It is there with its size; too large to be read here."
        return step("original", State.GOOD, sentence, details)
    sentence = f"It is in the storage, byte for byte ({filesizeformat(size)})."
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
        return step("renditions", State.BAD, f"The file storage does not answer: {error}.")
    if missing:
        sentence = f"Missing: {' and '.join(missing)}. It can be drawn again from the original."
        return step("renditions", State.BAD, sentence, details, (Repair.RENDITIONS,))
    return step("renditions", State.GOOD, "Small and large copies are there.", details)


def _state(exists: bool) -> State:
    return State.GOOD if exists else State.BAD
