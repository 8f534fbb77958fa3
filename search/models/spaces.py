"""Vector spaces, and the embedding of each asset in each of them."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from django.db import models
from django.db.models import F, FilteredRelation, Q, Subquery
from django.utils import timezone

from assetbank.models import Asset, AssetQuerySet

Vector = np.ndarray[Any, np.dtype[np.float32]]


class VectorSpaceQuerySet(models.QuerySet["VectorSpace"]):
    def active(self) -> VectorSpaceQuerySet:
        """Return the space that searches use: one row, or none before the very first start.

        Only this method and `EmbeddingQuerySet.in_active_space` read the column.
        """
        return self.filter(active=True)

    def inactive(self) -> VectorSpaceQuerySet:
        """Return the spaces that are being built or were active earlier."""
        return self.filter(active=False)


class VectorSpace(models.Model):
    """An encoder, and the Milvus collection that holds its vectors.

    One space is active: searches use it. Others are being built, or were active earlier and can be
    activated again; all existing spaces are kept up to date. Vectors of different encoders are
    never compared: `fingerprint` identifies weights and preprocessing, whatever a checkpoint is
    called.
    """

    model = models.CharField(max_length=300, help_text="Requested encoder.")
    source = models.CharField(max_length=500, help_text="Folder or hub ID that is loaded.")
    is_demo = models.BooleanField(default=False)
    fingerprint = models.CharField(
        max_length=64, unique=True, null=True, help_text="Null until the encoder is loaded."
    )
    dimension = models.PositiveIntegerField(default=0)
    collection = models.CharField(max_length=200, blank=True)
    active = models.BooleanField(default=False)
    activated_at: models.DateTimeField[Any, datetime.datetime | None] = models.DateTimeField(
        null=True, blank=True, help_text="Time of the last activation; empty: never active."
    )
    revision = models.PositiveBigIntegerField(
        default=0,
        help_text="Increases with every write to the index and invalidates earlier results.",
    )
    background = models.JSONField(
        default=dict,
        blank=True,
        help_text="Background score distribution, used for calibration.",
    )
    gate = models.JSONField(
        default=dict,
        blank=True,
        help_text="Comparison with the active encoder on the relevance test set.",
    )
    problem = models.TextField(blank=True, help_text="Reason why it cannot be built or activated.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VectorSpaceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["active"], condition=models.Q(active=True), name="one_active_space"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} ({self.dimension} dimensions)" if self.fingerprint else self.model


class EmbeddingQuerySet(models.QuerySet["Embedding"]):
    def in_active_space(self) -> EmbeddingQuerySet:
        """Return the rows of the active space, by a join, which saves a query for the space."""
        return self.filter(space__active=True)

    def waiting(self) -> EmbeddingQuerySet:
        """Return the rows that wait to be indexed or removed."""
        return self.filter(state__in=[Embedding.State.PENDING, Embedding.State.REMOVING])

    def claimable(self) -> EmbeddingQuerySet:
        """Return the waiting rows without an unexpired lease of a worker."""
        return self.waiting().filter(
            models.Q(claimed_until=None) | models.Q(claimed_until__lt=timezone.now())
        )

    def mark_pending(self) -> int:
        """Request indexing again, and return the number of rows. The new version invalidates the
        result of a running worker, which was computed from the earlier state."""
        return self.exclude(state=Embedding.State.REMOVING).update(
            state=Embedding.State.PENDING,
            version=F("version") + 1,
            reason="",
            attempts=0,
            claimed_until=None,
            updated_at=timezone.now(),
        )


class Embedding(models.Model):
    """The vector of one asset in one vector space, and its indexing state. It outlives its asset
    until its entity is removed from Milvus."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        INDEXED = "indexed", "Indexed"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"
        TRASHED = "trashed", "In the trash"  # its vector is kept, so that a restore needs no CLIP
        REMOVING = "removing", "Being removed"

    asset = models.ForeignKey(
        Asset, on_delete=models.DO_NOTHING, db_constraint=False, related_name="embeddings"
    )
    space = models.ForeignKey(VectorSpace, on_delete=models.CASCADE, related_name="embeddings")
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.PENDING, db_index=True
    )
    reason = models.TextField(blank=True, help_text="Reason why it failed or was skipped.")
    version = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    vector_bytes = models.BinaryField(null=True, help_text="float32, little-endian, unit length.")
    checksum = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the file from which it was computed."
    )
    updated_at = models.DateTimeField(auto_now=True)
    indexed_at: models.DateTimeField[Any, datetime.datetime | None] = models.DateTimeField(
        null=True, blank=True
    )

    objects = EmbeddingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "space"], name="one_embedding_per_space")
        ]
        indexes = [
            models.Index(
                fields=["space", "id"],
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


def with_index_state(assets: AssetQuerySet, space: int | None = None) -> AssetQuerySet:
    """Annotate assets with `index_state` and `index_reason` in the active space; pass its id as
    `space` if it is known. Both are None until the asset has a row there: treat it as waiting."""
    active = space or Subquery(VectorSpace.objects.active().values("pk")[:1])
    row = FilteredRelation("embeddings", condition=Q(embeddings__space=active))
    return assets.annotate(in_space=row).annotate(
        index_state=F("in_space__state"), index_reason=F("in_space__reason")
    )
