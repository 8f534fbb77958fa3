"""Table of image models: abilities, prices and retirement of each."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

Price = models.DecimalField[Any, Decimal | None]
PRICE: dict[str, Any] = {
    "max_digits": 10,
    "decimal_places": 4,
    "null": True,
    "blank": True,
    "validators": [MinValueValidator(Decimal(0))],
}


class EngineModel(models.Model):
    """One image model that users can choose. A new model is a new row and needs no code."""

    class Engine(models.TextChoices):
        GEMINI = "gemini", "Gemini"
        SKETCH = "sketch", "Sketch"

    id = models.CharField(primary_key=True, max_length=80, help_text="Model ID at the provider.")
    label = models.CharField(max_length=80)
    engine = models.CharField(max_length=10, choices=Engine.choices)
    note = models.CharField(max_length=200, blank=True, help_text="Note shown to users.")
    offered = models.BooleanField(
        default=True, help_text="If off, users cannot select it.", verbose_name="available"
    )
    position = models.PositiveSmallIntegerField(
        default=100, help_text="Position in the list; lowest first."
    )

    aspect_ratios = ArrayField(models.CharField(max_length=10))
    image_sizes = ArrayField(
        models.CharField(max_length=10), blank=True, default=list, help_text="Empty: one size only."
    )
    max_references = models.PositiveSmallIntegerField(default=0)
    slots: models.JSONField[Any, dict[str, int]] = models.JSONField(
        default=dict,
        blank=True,
        help_text='Maximum number of references per role, for example {"character": 4}.',
        verbose_name="maximum references by role",
    )
    refines = models.BooleanField(
        default=False, help_text="Can edit its own images.", verbose_name="edits images"
    )
    batches = models.BooleanField(
        default=False, help_text="Accepts bulk orders at a lower price.", verbose_name="bulk orders"
    )

    # US dollars per million tokens; without prices, images of the model count as free
    usd_input: Price = models.DecimalField("$ per million input tokens", **PRICE)
    usd_text: Price = models.DecimalField("$ per million text output tokens", **PRICE)
    usd_image: Price = models.DecimalField("$ per million image output tokens", **PRICE)
    image_tokens: models.JSONField[Any, dict[str, int]] = models.JSONField(
        default=dict, blank=True, help_text='Tokens per image by size, for example {"1K": 1120}.'
    )
    batch_share = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.5"),
        help_text="Share of the price for bulk orders.",
    )
    source = models.TextField(blank=True, help_text="Source of these figures.")
    checked_on = models.DateField(null=True, blank=True, help_text="Date of the source.")

    retires_on = models.DateField(
        null=True, blank=True, help_text="The model is unavailable from this day on."
    )
    successor = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)
    digital_source_type = models.CharField(
        max_length=40,
        default="trainedAlgorithmicMedia",
        help_text="IPTC digital source type of its images, for example trainedAlgorithmicMedia.",
    )

    class Meta:
        ordering = ["position", "id"]
        verbose_name = "image model"

    def __str__(self) -> str:
        return self.label

    def retired(self, on: datetime.date | None = None) -> bool:
        """Return True if the model is retired on that day (default: today)."""
        return self.retires_on is not None and self.retires_on <= (on or timezone.localdate())
