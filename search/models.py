"""What search knows of each asset, and the vector space that its vectors live in."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone

from assetbank.models import Asset

Vector = np.ndarray[Any, np.dtype[np.float32]]


class VectorSpace(models.Model):
    """An encoder, and the Milvus collection that holds its vectors. One is active.

    Vectors of different encoders are never compared: `fingerprint` tells weights and preprocessing
    apart, whatever the checkpoint is called.
    """

    model = models.CharField(max_length=300, help_text="What was configured.")
    source = models.CharField(max_length=500, help_text="The folder or hub id that is loaded.")
    is_demo = models.BooleanField(default=False)
    fingerprint = models.CharField(max_length=64, unique=True)
    dimension = models.PositiveIntegerField()
    collection = models.CharField(max_length=200, blank=True, help_text="Behind the alias now.")
    active = models.BooleanField(default=False)
    revision = models.PositiveBigIntegerField(
        default=0, help_text="Rises with every write to the index: what was found before is stale."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["active"], condition=models.Q(active=True), name="one_active_space"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} ({self.dimension} dimensions)"


class PictureQuestion(models.Model):
    """A picture that somebody searches with: kept for a day, so that the search has an address,
    can be filtered and paged. The picture itself is not kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    fingerprint = models.CharField(max_length=64)
    vector_bytes = models.BinaryField()
    thumbnail = models.BinaryField(help_text="WebP")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"picture shown by {self.person} at {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def vector(self) -> Vector:
        return np.frombuffer(bytes(self.vector_bytes), dtype="<f4")


class EmbeddingQuerySet(models.QuerySet["Embedding"]):
    def waiting(self) -> EmbeddingQuerySet:
        return self.filter(state__in=[Embedding.State.PENDING, Embedding.State.REMOVING])

    def claimable(self) -> EmbeddingQuerySet:
        """Waiting, and not held by a worker whose lease still runs."""
        return self.waiting().filter(
            models.Q(claimed_until=None) | models.Q(claimed_until__lt=timezone.now())
        )

    def mark_pending(self) -> int:
        """Ask for these to be indexed again; the new version makes a running worker's result,
        which was computed from what the row said before, count for nothing."""
        return self.exclude(state=Embedding.State.REMOVING).update(
            state=Embedding.State.PENDING,
            version=F("version") + 1,
            reason="",
            attempts=0,
            claimed_until=None,
            updated_at=timezone.now(),
        )


class Embedding(models.Model):
    """One asset's way into the index. It outlives its asset until Milvus has forgotten it."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        INDEXED = "indexed", "Findable"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Left out"
        REMOVING = "removing", "Being removed"

    asset = models.OneToOneField(
        Asset, on_delete=models.DO_NOTHING, db_constraint=False, related_name="embedding"
    )
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.PENDING, db_index=True
    )
    reason = models.TextField(blank=True, help_text="Why it failed or was left out.")
    version = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    vector_bytes = models.BinaryField(null=True, help_text="float32, little-endian, unit length.")
    fingerprint = models.CharField(max_length=64, blank=True, help_text="Encoder of the vector.")
    checksum = models.CharField(max_length=64, blank=True, help_text="Bytes it was computed from.")
    updated_at = models.DateTimeField(auto_now=True)
    indexed_at: models.DateTimeField[Any, datetime.datetime | None] = models.DateTimeField(
        null=True, blank=True
    )

    objects = EmbeddingQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["pending", "removing"]),
                name="embedding_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"embedding of asset {self.asset_id}: {self.state}"

    @property
    def vector(self) -> Vector | None:
        if self.vector_bytes is None:
            return None
        return np.frombuffer(bytes(self.vector_bytes), dtype="<f4")

    @vector.setter
    def vector(self, value: Vector) -> None:
        self.vector_bytes = np.ascontiguousarray(value, dtype="<f4").tobytes()
