"""The vector spaces that are kept: which one is active, their encoders, and whose vectors belong
in them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from search import checkpoints, clip, filling, relevance
from search.checkpoints import EncoderError, EncoderUnavailable
from search.errors import SearchUnavailable
from search.models import VectorSpace

logger = logging.getLogger(__name__)

DEMO_BACKGROUND = checkpoints.DEMO_FOLDER.parent / "background.json"


def kept() -> QuerySet[VectorSpace]:
    """Those that have an encoder and are kept up to date, the active one first."""
    return VectorSpace.objects.exclude(fingerprint=None).order_by("-active", "pk")


# ------------------------------------------------------------------------ opening


def open_active() -> VectorSpace:
    """The active space, with its collection behind the alias. At the first start of all, the
    configured encoder becomes active; later, its row decides, and an encoder that is configured
    but has no space gets one beside it. Raises EncoderUnavailable and MilvusDown."""
    active = _active()
    if active.fingerprint is None:
        return open_space(active)
    _begin_configured(active)
    return open_space(active)


def open_space(space: VectorSpace) -> VectorSpace:
    """With a known encoder and a collection. Raises EncoderUnavailable and MilvusDown."""
    try:
        if space.fingerprint is None:
            _identify(space)
        if not space.background:
            measure_background(space)
    except EncoderError as error:
        VectorSpace.objects.filter(pk=space.pk).update(problem=str(error))
        raise
    filling.ensure(space)
    return space


def open_new() -> None:
    """Open what was begun, and an active space if there is none: cheap when there is nothing new.
    Raises EncoderUnavailable of the active one, and MilvusDown."""
    active = _active()
    if active.fingerprint is None:
        open_space(active)
    else:
        _begin_configured(active)
    new = VectorSpace.objects.filter(Q(fingerprint=None) | Q(background={}), problem="")
    for space in new:
        try:
            open_space(space)
        except EncoderError as error:
            logger.warning("%s cannot be built: %s", space.model, error)


@transaction.atomic
def begin(model: str, *, problem: str = "") -> VectorSpace:
    """A space for this encoder, which a worker opens and fills; one that is there goes on."""
    _lock()
    there = VectorSpace.objects.filter(model=model, active=False).order_by("-pk").first()
    return there or VectorSpace.objects.create(model=model, problem=problem)


def _active() -> VectorSpace:
    """Its row; a new one, with every asset waiting in it, at the first start of all."""
    active = VectorSpace.objects.filter(active=True).first()
    if active is None:
        with transaction.atomic():
            _lock()
            active, new = VectorSpace.objects.get_or_create(
                active=True, defaults={"model": settings.CLIP_MODEL, "activated_at": timezone.now()}
            )
            if new:
                enrol(active)
    return active


def is_configured(space: VectorSpace) -> bool:
    """It would be begun again if it was dropped."""
    if settings.CLIP_MODEL:
        return space.model == settings.CLIP_MODEL
    return settings.EMBEDDED and space.model == checkpoints.DEFAULT_MODEL


def _begin_configured(active: VectorSpace) -> None:
    """If the encoder that is configured is not the active one, it is built beside it; the hub may
    also have the real encoder by now that the demo encoder stands in for."""
    configured = settings.CLIP_MODEL
    if not configured and not (settings.EMBEDDED and active.is_demo):
        return
    if VectorSpace.objects.filter(model=configured).exclude(problem="").exists():
        return  # asking the hub again takes seconds: that is for `retry`
    try:
        checkpoint = _checkpoint(configured)
    except EncoderUnavailable as error:
        if configured and configured != active.model:
            begin(configured, problem=str(error))
        return
    fingerprint = _fingerprint(checkpoint.source)
    if fingerprint == active.fingerprint:
        if active.model != checkpoint.name or not Path(active.source).exists():
            _move(active, checkpoint)  # the same weights, in another folder
        return
    known = Q(fingerprint=fingerprint) | Q(model=checkpoint.name, fingerprint=None)
    with transaction.atomic():
        _lock()
        if not VectorSpace.objects.filter(known).exists():
            VectorSpace.objects.create(model=checkpoint.name)


def retry() -> None:
    """Look again for the encoders that could not be loaded."""
    VectorSpace.objects.exclude(problem="").update(problem="")


# ------------------------------------------------------------------------ encoders


def encoder(space: VectorSpace) -> clip.ImageEncoder:
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
            raise _another(space)
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
        raise _another(space)
    if found.source != space.source:
        _move(space, found)


def _another(space: VectorSpace) -> EncoderUnavailable:
    return EncoderUnavailable(
        f"{space.model} is not the encoder any more that this index was built with. "
        "Put the old one back, or let the new one take over."
    )


@lru_cache(maxsize=2)
def image_encoder(source: str) -> clip.ImageEncoder:
    """Two, while one is built beside the other."""
    return clip.ImageEncoder(source, threads=settings.TORCH_THREADS)


def measure_background(space: VectorSpace) -> None:
    """What scores of this encoder are measured against: takes seconds, once. Raises
    EncoderUnavailable."""
    space.background = _measured(str(encoder(space).folder))
    space.save(update_fields=["background"])


@cache
def _measured(source: str) -> dict[str, Any]:
    """The text half is loaded for it and dropped again; the bundled encoder brings it along."""
    brought = json.loads(DEMO_BACKGROUND.read_text())
    if brought["fingerprint"] == _fingerprint(source):
        saved: dict[str, Any] = brought["background"]
        return saved
    return measured_anew(source)


def measured_anew(source: str) -> dict[str, Any]:
    from search import calibration  # draws, and most processes never need it

    texts = clip.TextEncoder(source, threads=settings.TORCH_THREADS)
    return calibration.calibrate(image_encoder(source), texts).dump()


@lru_cache(maxsize=4)
def background(fingerprint: str) -> relevance.Background:
    """Raises SearchUnavailable until it has been measured."""
    saved = VectorSpace.objects.filter(fingerprint=fingerprint).values_list("background", flat=True)
    for measured in saved:
        if measured:
            return relevance.Background.load(measured)
    raise SearchUnavailable("Search is not ready yet: the encoder is being measured.")


def _identify(space: VectorSpace) -> None:
    """Find and load the encoder (it may be downloaded for minutes: outside any transaction), and
    write down what it is."""
    checkpoint = _checkpoint(settings.CLIP_MODEL if space.active else space.model)
    found = image_encoder(checkpoint.source)
    dimension = found.dimension
    with transaction.atomic():
        _lock()
        space.refresh_from_db()
        if twin := VectorSpace.objects.filter(fingerprint=found.fingerprint).first():
            if twin == space:
                return
            raise EncoderUnavailable(f"This is the encoder of {twin.model}, under another name.")
        space.fingerprint, space.dimension, space.problem = found.fingerprint, dimension, ""
        _move(space, checkpoint)
        enrol(space)
    logger.info("Encoder: %s", checkpoint.sentence)


def _move(space: VectorSpace, checkpoint: checkpoints.Checkpoint) -> None:
    space.model, space.source = checkpoint.name, checkpoint.source
    space.is_demo = checkpoint.is_demo
    space.save(update_fields=["model", "source", "is_demo", "fingerprint", "dimension", "problem"])


@cache
def _checkpoint(model: str) -> checkpoints.Checkpoint:
    """Resolved once per process: asking the hub takes seconds. "" is the best there is, on the
    embedded profile only."""
    if not model and not settings.EMBEDDED:
        raise EncoderUnavailable("CLIP_MODEL is not set; production needs it.")
    return checkpoints.resolve(model, allow_demo=not model, say=logger.info)


@cache
def _fingerprint(source: str) -> str:
    return checkpoints.fingerprint(Path(source))


def _lock() -> None:
    """Until the transaction ends, nobody else makes spaces."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('search.open_space'))")


# ------------------------------------------------------------------------ whose vectors


# FOR KEY SHARE: a space cannot be dropped until we have committed. Written as one statement because
# it runs in every upload.
ENROL = """
INSERT INTO search_embedding
       (asset_id, space_id, state, reason, version, attempts, checksum, updated_at)
SELECT asset.id, space.id, 'pending', '', 0, 0, '', now()
FROM assetbank_asset AS asset CROSS JOIN search_vectorspace AS space
WHERE {chosen} AND NOT EXISTS (
    SELECT FROM search_embedding AS there
    WHERE there.asset_id = asset.id AND there.space_id = space.id)
FOR KEY SHARE OF space
ON CONFLICT DO NOTHING
"""


def enrol(space: VectorSpace) -> int:
    """Every asset waits in this space that has no row in it yet; returns how many."""
    return _enrol("space.id = %s", space.pk)


def enrol_assets(assets: Sequence[int]) -> int:
    """These wait in every space in which they have no row yet."""
    return _enrol("asset.id = ANY(%s)", list(assets))


def _enrol(chosen: str, value: int | list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(ENROL.format(chosen=chosen), [value])
        return int(cursor.rowcount)
