"""The vector spaces that are kept: which one is active, their encoders, and whose vectors belong
in them."""

from __future__ import annotations

import json
import logging
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from search.encoders import (
    DEMO_FOLDER,
    Background,
    Checkpoint,
    EncoderUnavailable,
    ImageEncoder,
    TextEncoder,
    checkpoints,
)
from search.errors import SearchUnavailable
from search.models import VectorSpace

logger = logging.getLogger(__name__)

DEMO_BACKGROUND = DEMO_FOLDER.parent / "background.json"


# ------------------------------------------------------------------------ encoders


def encoder(space: VectorSpace) -> ImageEncoder:
    """The image half, ready to work. Raises EncoderUnavailable: also when the folder holds other
    weights by now, whose vectors must never meet those of before."""
    try:
        found = image_encoder(space.source)
    except EncoderUnavailable:
        found = None
    if found is None or found.fingerprint != space.fingerprint:
        checkpoint = _checkpoint(space.model)
        found = image_encoder(checkpoint.source)
        if found.fingerprint != space.fingerprint:
            raise _mismatch(space)
        _move(space, checkpoint)
    _ = found.dimension  # loads it
    return found


def find_encoder(space: VectorSpace) -> None:
    """Who has not loaded its encoder yet can do so: its folder is there, or is fetched again.
    Nothing is loaded. Raises EncoderUnavailable."""
    try:
        found = checkpoints.resolve(space.source, allow_demo=False)
    except EncoderUnavailable:
        found = checkpoints.resolve(space.model, allow_demo=False, say=logger.info)
    if checkpoints.fingerprint(Path(found.source)) != space.fingerprint:
        raise _mismatch(space)
    if found.source != space.source:
        _move(space, found)


def _mismatch(space: VectorSpace) -> EncoderUnavailable:
    return EncoderUnavailable(
        f"{space.model} is no longer the encoder with which this index was built. Restore the "
        "previous version, or activate the new one."
    )


@lru_cache(maxsize=2)
def image_encoder(source: str) -> ImageEncoder:
    """Two, while one is built beside the other."""
    return ImageEncoder(source, threads=settings.TORCH_THREADS)


def calibrate(space: VectorSpace) -> None:
    """What scores of this encoder are measured against: takes seconds, once. Raises
    EncoderUnavailable."""
    space.background = _calibrated(str(encoder(space).folder))
    space.save(update_fields=["background"])


@cache
def _calibrated(source: str) -> dict[str, Any]:
    """The text half is loaded for it and dropped again; the bundled encoder brings it along."""
    brought = json.loads(DEMO_BACKGROUND.read_text())
    if brought["fingerprint"] == _fingerprint(source):
        saved: dict[str, Any] = brought["background"]
        return saved
    return recalibrate(source)


def recalibrate(source: str) -> dict[str, Any]:
    from search.encoders import calibration  # draws, and most processes never need it

    texts = TextEncoder(source, threads=settings.TORCH_THREADS)
    return calibration.calibrate(image_encoder(source), texts).dump()


@lru_cache(maxsize=4)
def background(fingerprint: str) -> Background:
    """Raises SearchUnavailable until it has been measured."""
    saved = VectorSpace.objects.filter(fingerprint=fingerprint).values_list("background", flat=True)
    for measured in saved:
        if measured:
            return Background.load(measured)
    raise SearchUnavailable(
        "Search is not ready yet: the encoder is being calibrated. Retry in a moment."
    )


def _move(space: VectorSpace, checkpoint: Checkpoint) -> None:
    space.model, space.source = checkpoint.name, checkpoint.source
    space.is_demo = checkpoint.is_demo
    space.save(update_fields=["model", "source", "is_demo", "fingerprint", "dimension", "problem"])


@cache
def _checkpoint(model: str) -> Checkpoint:
    """Resolved once per process: asking the hub takes seconds. "" is the best there is, on the
    embedded profile only."""
    if not model and not settings.EMBEDDED:
        raise EncoderUnavailable("CLIP_MODEL is not set; production needs it.")
    return checkpoints.resolve(model, allow_demo=not model, say=logger.info)


@cache
def _fingerprint(source: str) -> str:
    return checkpoints.fingerprint(Path(source))
