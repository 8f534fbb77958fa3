"""What was asked of an engine, from which references, and what came back."""

from __future__ import annotations

import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse

from assetbank.models import Asset, Brand


class Generation(models.Model):
    """One request for pictures. `reason` says why it is in its state, in a sentence."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Drawing"
        SUCCEEDED = "succeeded", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    UNFINISHED = (State.QUEUED, State.RUNNING)

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="generations")
    prompt = models.TextField(help_text="As the person wrote it.")
    full_prompt = models.TextField(blank=True, help_text="As it was sent, with the brand's rules.")
    model = models.CharField(max_length=80)
    aspect_ratio = models.CharField(max_length=10)
    image_size = models.CharField(max_length=10, blank=True)
    count = models.PositiveSmallIntegerField(default=1)
    references: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        Asset, through="Reference", related_name="used_in"
    )

    # A second click on the studio's button finds what the first one asked for
    key = models.UUIDField(null=True, unique=True, editable=False)
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.QUEUED, db_index=True
    )
    reason = models.TextField(blank=True)
    reason_code = models.CharField(max_length=60, blank=True)
    cancel_requested = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    takes: models.JSONField[Any, dict[str, Any]] = models.JSONField(
        default=dict, help_text="By number: what the engine said and counted for each picture."
    )

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="generations",
    )
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    started_at: models.DateTimeField[Any, datetime.datetime | None] = models.DateTimeField(
        null=True, blank=True
    )
    finished_at: models.DateTimeField[Any, datetime.datetime | None] = models.DateTimeField(
        null=True, blank=True
    )

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.prompt[:60]}{'…' if len(self.prompt) > 60 else ''}"

    def get_absolute_url(self) -> str:
        return reverse("generation", args=[self.pk])

    @property
    def finished(self) -> bool:
        return self.state not in self.UNFINISHED

    @property
    def usage(self) -> dict[str, int]:
        """Whole-number counts of all takes, summed (promptTokenCount, totalTokenCount, …)."""
        total: dict[str, int] = {}
        for take in self.takes.values():
            for name, value in take.get("usage", {}).items():
                if isinstance(value, int):
                    total[name] = total.get(name, 0) + value
        return total


class Reference(models.Model):
    """An asset that a generation looks at, in the order in which the model sees it."""

    generation = models.ForeignKey(
        Generation, on_delete=models.CASCADE, related_name="reference_rows"
    )
    # The record of what was used stays when the asset goes
    asset = models.ForeignKey(
        Asset, null=True, on_delete=models.SET_NULL, related_name="reference_rows"
    )
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    checksum = models.CharField(max_length=64)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "position"], name="one_per_position")
        ]

    def __str__(self) -> str:
        return f"{self.position + 1}. {self.title}"


class Output(models.Model):
    """A picture that came back. Its bytes are kept here, exactly as they came, from the moment of
    their arrival until the library has them: a crash in between never pays twice."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="outputs")
    take = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField()
    data = models.BinaryField(null=True)
    mime = models.CharField(max_length=40)
    asset = models.ForeignKey(
        Asset, null=True, blank=True, on_delete=models.SET_NULL, related_name="made_as"
    )
    problem = models.TextField(blank=True, help_text="Why the library did not take it.")

    class Meta:
        ordering = ["take", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "take", "position"], name="one_output_per_position"
            )
        ]

    def __str__(self) -> str:
        return f"picture {self.take + 1}.{self.position + 1} of generation {self.generation_id}"
