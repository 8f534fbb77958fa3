"""The vector space in use: its encoder, and its Milvus collection behind the alias."""

from __future__ import annotations

import logging
import time
from functools import cache, lru_cache

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from search import checkpoints, clip, milvus
from search.models import Embedding, VectorSpace

logger = logging.getLogger(__name__)


def open_active() -> VectorSpace:
    """The active vector space for the configured encoder, with its collection behind the alias.

    A changed encoder, or a Milvus that lost its collection, is met by a new collection; the rows
    that belong into it are marked waiting. Raises EncoderUnavailable and MilvusDown.
    """
    active = VectorSpace.objects.filter(active=True).first()
    real = active.model if active and not active.is_demo else ""
    # may download for minutes: not inside a transaction
    checkpoint = _checkpoint(settings.CLIP_MODEL, real)
    return _open(checkpoint, image_encoder(checkpoint.source))


@transaction.atomic
def _open(checkpoint: checkpoints.Checkpoint, encoder: clip.ImageEncoder) -> VectorSpace:
    with connection.cursor() as cursor:  # one worker at a time makes spaces and collections
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('search.open_space'))")
    active = VectorSpace.objects.filter(active=True).first()
    if active and active.fingerprint == encoder.fingerprint:
        space = active
        # the same weights may have moved to another folder
        if (space.model, space.source) != (checkpoint.name, checkpoint.source):
            space.model, space.source = checkpoint.name, checkpoint.source
            space.save(update_fields=["model", "source"])
    else:
        space = _new_space(checkpoint, encoder)
    behind = milvus.collection_behind_alias()
    if not behind or behind != space.collection:
        _new_collection(space)
    return space


@cache
def _checkpoint(configured: str, active: str) -> checkpoints.Checkpoint:
    """Resolved once per process: asking the hub takes seconds."""
    if configured:
        return checkpoints.resolve(configured, allow_demo=False, say=logger.info)
    if not settings.EMBEDDED:
        raise checkpoints.EncoderUnavailable("CLIP_MODEL is not set; production needs it.")
    # a real encoder that is in use is never silently replaced by the demo
    return checkpoints.resolve(active, allow_demo=not active, say=logger.info)


@lru_cache(maxsize=1)
def image_encoder(source: str) -> clip.ImageEncoder:
    return clip.ImageEncoder(source, threads=settings.TORCH_THREADS)


def _new_space(checkpoint: checkpoints.Checkpoint, encoder: clip.ImageEncoder) -> VectorSpace:
    VectorSpace.objects.filter(active=True).update(active=False)
    space, _ = VectorSpace.objects.update_or_create(
        fingerprint=encoder.fingerprint,
        defaults={
            "model": checkpoint.name,
            "source": checkpoint.source,
            "is_demo": checkpoint.is_demo,
            "dimension": encoder.dimension,
            "collection": "",
            "active": True,
        },
    )
    logger.info("Encoder: %s", checkpoint.sentence)
    return space


def _new_collection(space: VectorSpace) -> None:
    """An empty collection behind the alias, and every row that was in the old one waiting."""
    name = collection_name(space)
    milvus.create(name, space.dimension)
    milvus.point_alias(name)
    VectorSpace.objects.filter(pk=space.pk).update(collection=name, revision=F("revision") + 1)
    Embedding.objects.filter(state=Embedding.State.INDEXED).mark_pending()
    space.refresh_from_db()
    milvus.drop_others(keep=name)


def collection_name(space: VectorSpace) -> str:
    return f"{milvus.alias()}_{space.fingerprint}_{time.time_ns() // 1_000_000}"
