"""The vector spaces that are kept, and every asset's way into each of them."""

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
        """Return the space that answers questions: one row, or none before the first start of all.

        Which space that is, is written here and in `EmbeddingQuerySet.in_active_space` alone.
        """
        return self.filter(active=True)

    def inactive(self) -> VectorSpaceQuerySet:
        """Return the spaces that are being built, or were active before."""
        return self.filter(active=False)


class VectorSpace(models.Model):
    """An encoder, and the Milvus collection that holds its vectors.

    One is active and answers questions. Others are being built beside it, or were active before and
    can be again: all that have a row are kept up to date. Vectors of different encoders are never
    compared: `fingerprint` tells weights and preprocessing apart, whatever a checkpoint is called.
    """

    model = models.CharField(max_length=300, help_text="What was asked for.")
    source = models.CharField(max_length=500, help_text="The folder or hub id that is loaded.")
    is_demo = models.BooleanField(default=False)
    fingerprint = models.CharField(
        max_length=64, unique=True, null=True, help_text="None until the encoder has been loaded."
    )
    dimension = models.PositiveIntegerField(default=0)
    collection = models.CharField(max_length=200, blank=True)
    active = models.BooleanField(default=False)
    activated_at: models.DateTimeField[Any, datetime.datetime | None] = models.DateTimeField(
        null=True, blank=True, help_text="When it last became active; empty: it never was."
    )
    revision = models.PositiveBigIntegerField(
        default=0, help_text="Rises with every write to the index: what was found before is stale."
    )
    background = models.JSONField(
        default=dict, blank=True, help_text="What its scores are measured against."
    )
    gate = models.JSONField(
        default=dict, blank=True, help_text="The golden questions, asked of it and the active one."
    )
    problem = models.TextField(blank=True, help_text="Why it cannot be built or take over.")
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
        """Return the rows of the active space. A join: asking for the space first would be a
        query more."""
        return self.filter(space__active=True)

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
    """One asset's way into one vector space; outlives its asset until Milvus has forgotten it."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        INDEXED = "indexed", "Findable"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Left out"
        REMOVING = "removing", "Being removed"

    asset = models.ForeignKey(
        Asset, on_delete=models.DO_NOTHING, db_constraint=False, related_name="embeddings"
    )
    space = models.ForeignKey(VectorSpace, on_delete=models.CASCADE, related_name="embeddings")
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.PENDING, db_index=True
    )
    reason = models.TextField(blank=True, help_text="Why it failed or was left out.")
    version = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    vector_bytes = models.BinaryField(null=True, help_text="float32, little-endian, unit length.")
    checksum = models.CharField(max_length=64, blank=True, help_text="Bytes it was computed from.")
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
    """Each asset with `index_state` and `index_reason` of the active space, whose id may be known
    already; None until it has a row there, which is as good as waiting."""
    active = space or Subquery(VectorSpace.objects.active().values("pk")[:1])
    row = FilteredRelation("embeddings", condition=Q(embeddings__space=active))
    return assets.annotate(in_space=row).annotate(
        index_state=F("in_space__state"), index_reason=F("in_space__reason")
    )
