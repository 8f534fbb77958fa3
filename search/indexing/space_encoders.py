"""Encoders of vector spaces: load them, find them again after a move, and calibrate them."""

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


def load_encoder(space: VectorSpace) -> ImageEncoder:
    """Return the loaded image half of a space's encoder. Raises EncoderUnavailable, also if the
    folder now has other weights: their vectors cannot be compared with the existing ones."""
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
    _ = found.dimension  # Loads it
    return found


def find_encoder(space: VectorSpace) -> None:
    """Make sure that the space's encoder can be loaded, without loading it; download its folder
    again if necessary. Raises EncoderUnavailable."""
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
    """Return the image half of an encoder. Two are cached, for the time while a second space is
    built."""
    return ImageEncoder(source, threads=settings.TORCH_THREADS)


def calibrate(space: VectorSpace) -> None:
    """Measure and save the background distribution against which scores of this encoder are
    calibrated. Takes seconds, once. Raises EncoderUnavailable."""
    space.background = _calibrated(str(load_encoder(space).folder))
    space.save(update_fields=["background"])


@cache
def _calibrated(source: str) -> dict[str, Any]:
    """Return the background of an encoder: for the demo encoder the bundled one, for others a new
    measurement, for which the text half is loaded and released again."""
    bundled = json.loads(DEMO_BACKGROUND.read_text())
    if bundled["fingerprint"] == _fingerprint(source):
        saved: dict[str, Any] = bundled["background"]
        return saved
    return recalibrate(source)


def recalibrate(source: str) -> dict[str, Any]:
    """Return a new measurement of an encoder's background. Raises EncoderUnavailable."""
    from search.encoders import calibration  # Imports the drawing code, rarely needed

    texts = TextEncoder(source, threads=settings.TORCH_THREADS)
    return calibration.calibrate(image_encoder(source), texts).dump()


@lru_cache(maxsize=4)
def load_background(fingerprint: str) -> Background:
    """Return the background of the encoder with this fingerprint. Raises SearchUnavailable until it
    is measured."""
    saved = VectorSpace.objects.filter(fingerprint=fingerprint).values_list("background", flat=True)
    for measured in saved:
        if measured:
            return Background.load(measured)
    raise SearchUnavailable(
        "Search is not ready yet: the encoder is being calibrated. Retry in a moment."
    )


def _move(space: VectorSpace, checkpoint: Checkpoint) -> None:
    """Save which checkpoint the space's encoder is loaded from."""
    space.model, space.source = checkpoint.name, checkpoint.source
    space.is_demo = checkpoint.is_demo
    space.save(update_fields=["model", "source", "is_demo", "fingerprint", "dimension", "problem"])


@cache
def _checkpoint(model: str) -> Checkpoint:
    """Return the checkpoint of a model, resolved once per process: asking the hub takes seconds. ""
    is the best available one, with the embedded profile only. Raises EncoderUnavailable."""
    if not model and not settings.EMBEDDED:
        raise EncoderUnavailable("CLIP_MODEL is not set; production needs it.")
    return checkpoints.resolve(model, allow_demo=not model, say=logger.info)


@cache
def _fingerprint(source: str) -> str:
    return checkpoints.fingerprint(Path(source))
