"""Batches of generations, and their orders with an engine's batch interface."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from assetbank.models import Brand


class Batch(models.Model):
    """Generations that were requested together and are reviewed together."""

    class Kind(models.TextChoices):
        PRODUCTS = "products", "Several products"
        VALUES = "values", "Values of a variable"

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="batches")
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    in_bulk = models.BooleanField(
        default=False,
        help_text="Bulk order through the provider's batch API: cheaper, within a day.",
        verbose_name="bulk order",
    )
    # Of the form that requested it: a second click finds the existing batch
    key = models.UUIDField(null=True, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="batches"
    )
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.title


class BatchJob(models.Model):
    """One bulk order: generations of a batch, sent to an engine's batch interface. `display_name`
    is saved before the order is sent: after a crash, the worker looks for an order with that name
    at the engine, and does not place it twice."""

    class State(models.TextChoices):
        SUBMITTING = "submitting", "Sending"
        WAITING = "waiting", "Sent to provider"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    UNFINISHED = (State.SUBMITTING, State.WAITING)

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="jobs")
    model = models.CharField(max_length=80)
    display_name = models.CharField(max_length=80, unique=True)
    name = models.CharField(
        max_length=120, blank=True, help_text="Name of the bulk order at the provider."
    )
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.SUBMITTING, db_index=True
    )
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    polled_at = models.DateTimeField(null=True, blank=True, verbose_name="last checked at")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "bulk order"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name or self.display_name
