"""Presets: shared prompts with blanks, in immutable versions."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from assetbank.models import Brand, track_changes


class Role(models.TextChoices):
    """Role of a reference in the image; "" is a general reference."""

    PRODUCT = "product", "Product"
    CHARACTER = "character", "Character"
    OUTFIT = "outfit", "Outfit"
    STYLE = "style", "Style"
    LOGO = "logo", "Logo"
    BACKGROUND = "background", "Background"


@track_changes(exclude=["created_at"])
class Preset(models.Model):
    """Preset of one brand or of all; its prompt is in its versions."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    brand = models.ForeignKey(
        Brand,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="presets",
        help_text="Empty: available to all brands.",
    )
    offered = models.BooleanField(
        default=True, help_text="If off, users cannot select it.", verbose_name="available"
    )
    position = models.PositiveSmallIntegerField(default=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class PresetVersion(models.Model):
    """One version of a preset, in use from `created_at` on. It is never changed, because
    generations refer to it."""

    preset = models.ForeignKey(Preset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    template = models.TextField(help_text="The prompt; {place} is a variable.")
    variables: models.JSONField[Any, list[dict[str, Any]]] = models.JSONField(
        default=list,
        blank=True,
        help_text='Variables, for example [{"name": "place", "label": "Where", "default": "a '
        'beach"}].',
    )
    roles: models.JSONField[Any, list[dict[str, Any]]] = models.JSONField(
        default=list,
        blank=True,
        help_text='References by role, for example [{"role": "product", "least": 1, "most": 4}].',
    )
    aspect_ratio = models.CharField(max_length=10, blank=True)
    image_size = models.CharField(max_length=10, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["preset", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["preset", "number"], name="one_version_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.preset}, version {self.number}"
