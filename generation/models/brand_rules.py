"""Rules of a brand for its images, and the findings of the brand check."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from assetbank.models import Brand, Collection
from generation.models.generations import Output, Reference


class BrandRules(models.Model):
    """Rules of a brand: part of every prompt, like palette and style, and checked on outputs."""

    brand = models.OneToOneField(Brand, on_delete=models.CASCADE, related_name="rules")
    voice = models.TextField(blank=True, help_text="The mood that its pictures speak in.")
    always = ArrayField(
        models.CharField(max_length=300), default=list, blank=True, help_text="In every picture."
    )
    never = ArrayField(
        models.CharField(max_length=300), default=list, blank=True, help_text="In no picture."
    )
    approved_words = ArrayField(
        models.CharField(max_length=80),
        default=list,
        blank=True,
        help_text="Words that may be read in a picture: names, claims.",
    )
    anchors = models.ForeignKey(
        Collection,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        help_text="The brand's own best pictures: suggested first.",
    )
    blocking = ArrayField(
        models.CharField(max_length=30),
        default=list,
        blank=True,
        help_text="Findings with which a picture cannot be approved.",
    )

    class Meta:
        verbose_name_plural = "brand rules"

    def __str__(self) -> str:
        return f"Rules of {self.brand}"


class Finding(models.Model):
    """Finding of the brand check about an output, as a sentence for users."""

    class Code(models.TextChoices):
        PALETTE = "palette", "Colours outside the palette"
        WORDS = "words", "Words that are not approved"
        IGNORED = "reference_ignored", "A reference was ignored"
        DUPLICATE = "near_duplicate", "Nearly the same is in the library"
        UNCHECKED = "unchecked", "Something that could not be checked"

    output = models.ForeignKey(Output, on_delete=models.CASCADE, related_name="findings")
    code = models.CharField(max_length=30, choices=Code.choices)
    sentence = models.CharField(max_length=500)
    measured = models.FloatField(null=True, help_text="What the sentence is drawn from.")
    reference = models.ForeignKey(
        Reference, null=True, blank=True, on_delete=models.CASCADE, related_name="findings"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["output", "id"]

    def __str__(self) -> str:
        return self.sentence
