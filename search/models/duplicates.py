"""Duplicate images: compared assets, matching pairs, and dismissals."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from assetbank.models import Asset, Brand


class Comparison(models.Model):
    """Marks an asset as compared with the rest of its brand, with the checksum it had then."""

    asset = models.OneToOneField(Asset, primary_key=True, on_delete=models.CASCADE)
    checksum = models.CharField(max_length=64)
    compared_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"comparison of asset {self.asset_id}"


class DuplicatePair(models.Model):
    """Two assets of a brand that show the same image; `first` has the lower id."""

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE)
    first = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="+")
    score = models.FloatField(help_text="Confidence from 0 to 1.")
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "search_likeness"  # its name before the model was renamed
        verbose_name = "duplicate pair"
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="one_likeness_per_pair")
        ]

    def __str__(self) -> str:
        return f"{self.first_id} looks like {self.second_id}"


class DuplicateDismissal(models.Model):
    """A user's decision that two images are not the same.

    Stored by checksum, so it outlives assets, indexes and encoders; `first` is the lower checksum.
    """

    first = models.CharField(max_length=64)
    second = models.CharField(max_length=64, db_index=True)
    said_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    said_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "search_notthesame"
        verbose_name = "duplicate dismissal"
        constraints = [models.UniqueConstraint(fields=["first", "second"], name="one_verdict")]

    def __str__(self) -> str:
        return f"{self.first[:12]} is not {self.second[:12]}"
