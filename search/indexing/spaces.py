"""Vector spaces: the active one, and how spaces are created, opened and retried."""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from assetbank import locks
from search.encoders import EncoderError, EncoderUnavailable, checkpoints
from search.errors import SearchUnavailable
from search.indexing import collections
from search.indexing.enrolment import enrol
from search.indexing.space_encoders import (
    _checkpoint,
    _fingerprint,
    _move,
    calibrate,
    image_encoder,
)
from search.models import VectorSpace

logger = logging.getLogger(__name__)


def live_spaces() -> QuerySet[VectorSpace]:
    """Return the spaces that have an encoder and are kept up to date, the active one first."""
    return VectorSpace.objects.exclude(fingerprint=None).order_by("-active", "pk")


def active_space() -> VectorSpace:
    """Return the space that searches use. Raises SearchUnavailable until it has an encoder."""
    space = VectorSpace.objects.active().exclude(fingerprint=None).first()
    if space is None:
        raise encoder_not_ready()
    return space


def encoder_not_ready() -> SearchUnavailable:
    return SearchUnavailable(
        "Search is not ready yet: the index worker has not loaded an encoder. Browsing still works."
    )


# ------------------------------------------------------------------------ opening


def ensure_active_space() -> VectorSpace:
    """Return the active space, with its collection behind the alias.

    At the very first start, the configured encoder becomes active. Later, the row of the active
    space decides, and a configured encoder without a space gets one in addition. Raises
    EncoderUnavailable and VectorStoreUnavailable.
    """
    active = _active()
    if active.fingerprint is None:
        return ensure_space(active)
    _begin_configured(active)
    return ensure_space(active)


def ensure_space(space: VectorSpace) -> VectorSpace:
    """Identify and calibrate the encoder of a space if necessary, and create its collection. Raises
    EncoderUnavailable and VectorStoreUnavailable."""
    try:
        if space.fingerprint is None:
            _identify(space)
        if not space.background:
            calibrate(space)
    except EncoderError as error:
        VectorSpace.objects.filter(pk=space.pk).update(problem=str(error))
        raise
    collections.ensure_collection(space)
    return space


def ensure_candidate_spaces() -> None:
    """Open the new spaces, and an active space if there is none; cheap when there is nothing new.

    Encoders of inactive spaces that cannot be loaded are logged. Raises EncoderUnavailable for the
    active space, and VectorStoreUnavailable.
    """
    active = _active()
    if active.fingerprint is None:
        ensure_space(active)
    else:
        _begin_configured(active)
    new = VectorSpace.objects.filter(Q(fingerprint=None) | Q(background={}), problem="")
    for space in new:
        try:
            ensure_space(space)
        except EncoderError as error:
            logger.warning("%s cannot be built: %s", space.model, error)


@transaction.atomic
def create_space(model: str, *, problem: str = "") -> VectorSpace:
    """Return a space for this encoder, which a worker opens and fills: an existing inactive one, or
    a new one."""
    _lock()
    existing = VectorSpace.objects.inactive().filter(model=model).order_by("-pk").first()
    return existing or VectorSpace.objects.create(model=model, problem=problem)


def _active() -> VectorSpace:
    """Return the row of the active space, created at the very first start.

    Then all assets are enrolled in it.
    """
    active = VectorSpace.objects.active().first()
    if active is None:
        with transaction.atomic():
            _lock()
            active, created = VectorSpace.objects.get_or_create(
                active=True, defaults={"model": settings.CLIP_MODEL, "activated_at": timezone.now()}
            )
            if created:
                enrol(active)
    return active


def is_configured(space: VectorSpace) -> bool:
    """Return True if the settings name the space's encoder: a dropped space would be created
    again."""
    if settings.CLIP_MODEL:
        return space.model == settings.CLIP_MODEL
    return settings.EMBEDDED and space.model == checkpoints.DEFAULT_MODEL


def _begin_configured(active: VectorSpace) -> None:
    """Create a space for the configured encoder if it is not the active one and has none. While the
    demo encoder is active, also look whether the hub has the real one now."""
    configured = settings.CLIP_MODEL
    if not configured and not (settings.EMBEDDED and active.is_demo):
        return
    if VectorSpace.objects.filter(model=configured).exclude(problem="").exists():
        return  # Asking the hub again takes seconds; `retry` does
    try:
        checkpoint = _checkpoint(configured)
    except EncoderUnavailable as error:
        if configured and configured != active.model:
            create_space(configured, problem=str(error))
        return
    fingerprint = _fingerprint(checkpoint.source)
    if fingerprint == active.fingerprint:
        if active.model != checkpoint.name or not Path(active.source).exists():
            _move(active, checkpoint)  # The same weights, in another folder
        return
    known = Q(fingerprint=fingerprint) | Q(model=checkpoint.name, fingerprint=None)
    with transaction.atomic():
        _lock()
        if not VectorSpace.objects.filter(known).exists():
            VectorSpace.objects.create(model=checkpoint.name)


def retry() -> None:
    """Clear the problems of spaces, so that the worker tries again to load their encoders."""
    VectorSpace.objects.exclude(problem="").update(problem="")


def _identify(space: VectorSpace) -> None:
    """Load the encoder of a space, and save its fingerprint and dimension; enrol all assets. Runs
    outside any transaction, as a download may take minutes. Raises EncoderUnavailable."""
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


def _lock() -> None:
    """Lock out other processes that create spaces, until the transaction ends."""
    locks.lock_in_transaction("search.open_space")
