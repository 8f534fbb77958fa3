"""What was asked of an engine, from which references, and what came back."""

from __future__ import annotations

import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse

from assetbank.models import Asset, Brand
from generation.models.batches import Batch, BatchJob
from generation.models.presets import PresetVersion, Role
from generation.models.takes import Take


class Generation(models.Model):
    """One request for pictures. `reason` says why it is in its state, in a sentence."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Generating"
        SUCCEEDED = "succeeded", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    UNFINISHED = (State.QUEUED, State.RUNNING)

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="generations")
    prompt = models.TextField(help_text="As the user wrote it.")
    full_prompt = models.TextField(
        blank=True, help_text="As sent to the model, with the brand rules."
    )
    model = models.CharField(max_length=80)
    aspect_ratio = models.CharField(max_length=10)
    image_size = models.CharField(max_length=10, blank=True)
    count = models.PositiveSmallIntegerField(default=1)
    references: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        Asset, through="Reference", related_name="used_in"
    )

    batch = models.ForeignKey(
        Batch, null=True, blank=True, on_delete=models.CASCADE, related_name="generations"
    )
    label = models.CharField(
        max_length=200, blank=True, help_text="Label of this variation in its batch."
    )
    batch_job = models.ForeignKey(
        BatchJob, null=True, blank=True, on_delete=models.SET_NULL, related_name="generations"
    )
    preset_version = models.ForeignKey(
        PresetVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="generations",
    )
    variables: models.JSONField[Any, dict[str, str]] = models.JSONField(default=dict, blank=True)
    refines = models.ForeignKey(
        "Output",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="refined_in",
        help_text="The image that this generation edits.",
        verbose_name="edited image",
    )
    draft = models.ForeignKey(
        "Output",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="finals",
        help_text="The draft that this generation upscales.",
    )
    fingerprint = models.CharField(
        max_length=64, blank=True, db_index=True, help_text="SHA-256 of the request."
    )
    left_out: models.JSONField[Any, list[str]] = models.JSONField(
        default=list,
        blank=True,
        help_text="References that the model did not use, as sentences.",
        verbose_name="unused references",
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
    def ended_takes(self) -> list[Take]:
        """The takes of which it is known what became of them, by number."""
        return [take for take in self.takes.all() if take.ended]

    @property
    def missing(self) -> list[int]:
        """Numbers of the takes that are still to be asked for, or were asked for and have not
        ended. Each one that was replaced adds a number."""
        ended = self.ended_takes
        wanted = self.count + sum(take.replaced for take in ended)
        return sorted(set(range(wanted)) - {take.number for take in ended})

    @property
    def usage(self) -> dict[str, int]:
        """Whole-number counts of all takes, summed (promptTokenCount, totalTokenCount, …)."""
        total: dict[str, int] = {}
        for take in self.takes.all():
            for name, value in take.usage.items():
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
    role = models.CharField(max_length=12, choices=Role.choices, blank=True)
    title = models.CharField(max_length=200)
    checksum = models.CharField(max_length=64)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "position"], name="one_per_position")
        ]
        indexes = [
            # Where a picture that was made here and then deleted had been used
            models.Index("checksum", condition=models.Q(asset=None), name="reference_of_deleted")
        ]

    def __str__(self) -> str:
        return f"{self.position + 1}. {self.title}"


class Output(models.Model):
    """A picture that came back. Its bytes are kept here, exactly as they came, from the moment of
    their arrival until the library has them: a crash in between never pays twice."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="outputs")
    take = models.ForeignKey(Take, on_delete=models.CASCADE, related_name="outputs")
    position = models.PositiveSmallIntegerField()
    data = models.BinaryField(null=True)
    mime = models.CharField(max_length=40)
    checksum = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the received file."
    )
    asset = models.ForeignKey(
        Asset, null=True, blank=True, on_delete=models.SET_NULL, related_name="made_as"
    )
    problem = models.TextField(blank=True, help_text="Reason why the library rejected it.")

    class Verdict(models.TextChoices):
        KEPT = "kept", "Kept"
        REJECTED = "rejected", "Rejected"

    # Of the people who look through a batch; whether it is approved is the asset's status
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    verdict_reason = models.CharField(max_length=300, blank=True)
    verdict_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    inspected_at = models.DateTimeField(null=True, blank=True, help_text="Time of the brand check.")

    class Meta:
        ordering = ["take__number", "position"]
        constraints = [
            models.UniqueConstraint(fields=["take", "position"], name="one_output_per_position")
        ]
        indexes = [models.Index("checksum", condition=models.Q(asset=None), name="output_deleted")]

    def __str__(self) -> str:
        place = f"{self.take.number + 1}.{self.position + 1}"
        return f"image {place} of generation {self.generation_id}"


class Turn(models.Model):
    """What was asked and said in one take, as a model must hear it again to go on from there: its
    parts with their thought signatures, each picture replaced by the position of its output."""

    take = models.OneToOneField(Take, on_delete=models.CASCADE, related_name="turn")
    content: models.JSONField[Any, dict[str, Any]] = models.JSONField()

    def __str__(self) -> str:
        return str(self.take)
