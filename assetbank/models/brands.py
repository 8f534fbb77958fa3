"""Brands and their members."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

hex_colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", "A colour is written like #1f6feb.")


def validate_palette(value: Any) -> None:
    """Raise ValidationError unless `value` is a list of at most 12 colours like "#1f6feb"."""
    if not isinstance(value, list) or len(value) > 12:
        raise ValidationError("A palette is a list of at most 12 colours.")
    for colour in value:
        hex_colour(colour)


class Brand(models.Model):
    """A brand; assets belong to exactly one."""

    class SearchGenerated(models.TextChoices):
        ALL = "all", "All of them"
        APPROVED = "approved", "Approved ones"
        NONE = "none", "None"

    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    palette = models.JSONField(
        default=list, blank=True, validators=[validate_palette], help_text='Like ["#1f6feb"].'
    )
    style = models.TextField(
        blank=True, help_text="How this brand's pictures look; goes into every prompt."
    )
    search_generated = models.CharField(
        "generated pictures in search",
        max_length=10,
        choices=SearchGenerated.choices,
        default=SearchGenerated.ALL,
        help_text="Which pictures from the studio can be found by searching; browsing shows all.",
    )
    four_eyes = models.BooleanField(
        default=False, help_text="Nobody approves what they made or uploaded themselves."
    )
    members: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="brands"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's role in a brand."""

    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer: looks and downloads"
        CREATOR = "creator", "Creator: uploads, edits and generates"
        MANAGER = "manager", "Manager: also approves and deletes"

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "user"], name="one_membership_per_brand")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.brand}: {self.role}"
