"""Generations: requests, their references, outputs and conversation turns."""

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
    """One request for images. `reason` is a sentence about its state, `reason_code` its code."""

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

    # Of the form that requested it: a second click finds the existing generation
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
        """Takes with a known outcome, by number."""
        return [take for take in self.takes.all() if take.ended]

    @property
    def missing(self) -> list[int]:
        """Numbers of the takes without an outcome, requested or not. Each replaced take adds one
        number."""
        ended = self.ended_takes
        total = self.count + sum(take.replaced for take in ended)
        return sorted(set(range(total)) - {take.number for take in ended})

    @property
    def usage(self) -> dict[str, int]:
        """Sums of the integer counts of all takes (promptTokenCount, totalTokenCount, …)."""
        total: dict[str, int] = {}
        for take in self.takes.all():
            for name, value in take.usage.items():
                if isinstance(value, int):
                    total[name] = total.get(name, 0) + value
        return total


class Reference(models.Model):
    """One asset that a generation uses as a reference; `position` is its place in the request, from
    0."""

    generation = models.ForeignKey(
        Generation, on_delete=models.CASCADE, related_name="reference_rows"
    )
    # Title and checksum stay as a record when the asset is deleted
    asset = models.ForeignKey(
        Asset, null=True, on_delete=models.SET_NULL, related_name="reference_rows"
    )
    position = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=12, choices=Role.choices, blank=True)
    title = models.CharField(max_length=200)
    checksum = models.CharField(max_length=64)
    version = models.PositiveIntegerField(
        null=True,
        help_text="Number of the asset's version that was sent; null: the file is none of this "
        "asset, which another one was merged into.",
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "position"], name="one_per_position")
        ]
        indexes = [
            # Finds the generations that used an output which was deleted in the meantime
            models.Index("checksum", condition=models.Q(asset=None), name="reference_of_deleted")
        ]

    def __str__(self) -> str:
        return f"{self.position + 1}. {self.title}"

    @property
    def replaced_since(self) -> bool:
        """True if the asset has another file now than the version that was sent."""
        if self.asset is None or self.version is None:
            return False
        return self.checksum != self.asset.checksum


class Output(models.Model):
    """One image of a take. `data` holds its bytes exactly as the engine sent them, until the image
    is an asset of the library: after a crash in between, it is not requested and billed again."""

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

    # A creator's choice while reviewing a batch; approval is the asset's status
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
    """Request and answer of a take, as the model gets them again when a conversation continues.

    `content` holds the prompt, the references, and the answer's parts with their thought
    signatures, where each image is replaced by the position of its output.
    """

    take = models.OneToOneField(Take, on_delete=models.CASCADE, related_name="turn")
    content: models.JSONField[Any, dict[str, Any]] = models.JSONField()

    def __str__(self) -> str:
        return str(self.take)
