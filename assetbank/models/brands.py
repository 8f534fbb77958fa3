"""Brands and their members."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from assetbank.models.history import track_changes

hex_colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", "A colour must be a hex code such as #1f6feb.")


def validate_palette(value: Any) -> None:
    """Raise ValidationError unless `value` is a list of at most 12 colours like "#1f6feb"."""
    if not isinstance(value, list) or len(value) > 12:
        raise ValidationError("A palette must be a list of at most 12 colours.")
    for colour in value:
        hex_colour(colour)


@track_changes(exclude=["created_at", "fields_changed_at"])
class Brand(models.Model):
    """A brand; assets belong to exactly one."""

    class SearchGenerated(models.TextChoices):
        ALL = "all", "All"
        APPROVED = "approved", "Approved only"
        NONE = "none", "None"

    class ReplacementPolicy(models.TextChoices):
        ASK_AGAIN = "ask_again", "Ask for approval again"
        KEEP = "keep", "Keep the approval"

    class GpsPolicy(models.TextChoices):
        STRIP_FOR_VIEWERS = "strip_for_viewers", "Remove from downloads of viewers"
        STRIP = "strip", "Remove from all downloads"
        KEEP = "keep", "Keep"

    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    palette = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_palette],
        help_text='Hex colours, for example ["#1f6feb"].',
    )
    style = models.TextField(
        blank=True, help_text="Visual style of this brand; added to every prompt."
    )
    search_generated = models.CharField(
        "generated images in search",
        max_length=10,
        choices=SearchGenerated.choices,
        default=SearchGenerated.ALL,
        help_text="Which generated images appear in search results; browsing shows all.",
    )
    four_eyes = models.BooleanField(
        default=False,
        help_text="Require a second approver: users cannot approve their own uploads and "
        "generations.",
        verbose_name="require a second approver",
    )
    gps_policy = models.CharField(
        "coordinates in downloads",
        max_length=20,
        choices=GpsPolicy.choices,
        default=GpsPolicy.STRIP_FOR_VIEWERS,
        help_text="Where an image was taken, as its file states it. The stored original is never "
        "changed. Viewers see coordinates only if they are kept.",
    )
    replacement_policy = models.CharField(
        "when the file of an approved asset is replaced",
        max_length=10,
        choices=ReplacementPolicy.choices,
        default=ReplacementPolicy.ASK_AGAIN,
        help_text="Until it is approved again, the asset is a draft and viewers do not see it.",
    )
    members: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="brands"
    )
    fields_changed_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="When its custom fields last changed; null: it never had any.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


@track_changes(inserts=True)
class Membership(models.Model):
    """A user's role in a brand."""

    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer: views and downloads"
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
