"""Decisions about assets."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from assetbank.models.assets import Asset


class Decision(models.Model):
    """A decision about an asset: approved, changes requested, archived, or its terms checked.

    Immutable. `replaced` is no manager's decision: a new file has ended the one before, so that
    another one is awaited.
    """

    class Verdict(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Changes requested"
        ARCHIVED = "archived", "Archived"
        REPLACED = "replaced", "File replaced"
        CHECKED = "checked", "Terms checked"  # leaves the status as it is

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="decisions")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    reason = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="decisions"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.asset}: {self.get_verdict_display()}"
