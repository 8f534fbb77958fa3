"""Rules of a brand for its images, and the findings of the brand check."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from assetbank.models import Brand, Collection, track_changes
from generation.models.generations import Output, Reference


@track_changes()
class BrandRules(models.Model):
    """Rules of a brand for its generated images, one row per brand. `voice`, `always` and `never`
    are part of every prompt; the brand check compares text in outputs with `approved_words`. The
    style and the palette, part of prompts too, are fields of `Brand`."""

    brand = models.OneToOneField(Brand, on_delete=models.CASCADE, related_name="rules")
    voice = models.TextField(
        blank=True, help_text="Mood of the images of this brand.", verbose_name="mood"
    )
    always = ArrayField(
        models.CharField(max_length=300),
        default=list,
        blank=True,
        help_text="Content of every image.",
        verbose_name="always include",
    )
    never = ArrayField(
        models.CharField(max_length=300),
        default=list,
        blank=True,
        help_text="Content to avoid in every image.",
        verbose_name="never include",
    )
    approved_words = ArrayField(
        models.CharField(max_length=80),
        default=list,
        blank=True,
        help_text="Approved text in images: names, claims.",
        verbose_name="approved text",
    )
    anchors = models.ForeignKey(
        Collection,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        help_text="Collection of brand reference images: suggested first.",
        verbose_name="brand reference images",
    )
    blocking = ArrayField(
        models.CharField(max_length=30),
        default=list,
        blank=True,
        help_text="Findings that block the approval of an image.",
        verbose_name="findings that block approval",
    )

    class Meta:
        verbose_name = "brand rules"
        verbose_name_plural = "brand rules"

    def __str__(self) -> str:
        return f"Brand rules of {self.brand}"


class Finding(models.Model):
    """One finding of the brand check in an output, as a sentence for users."""

    class Code(models.TextChoices):
        PALETTE = "palette", "Colours outside the palette"
        WORDS = "words", "Text that is not approved"
        IGNORED = "reference_ignored", "Reference ignored"
        DUPLICATE = "near_duplicate", "Near-duplicate in the library"
        UNCHECKED = "unchecked", "Check that could not run"

    output = models.ForeignKey(Output, on_delete=models.CASCADE, related_name="findings")
    code = models.CharField(max_length=30, choices=Code.choices)
    sentence = models.CharField(max_length=500)
    measured = models.FloatField(null=True, help_text="Measured value of the finding.")
    reference = models.ForeignKey(
        Reference, null=True, blank=True, on_delete=models.CASCADE, related_name="findings"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "brand check finding"
        ordering = ["output", "id"]

    def __str__(self) -> str:
        return self.sentence
