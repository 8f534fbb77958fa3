"""Questions: shown pictures, what was asked and found, and questions that are kept."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from assetbank.models import Brand


class ShootListItem(models.Model):
    """A picture that people looked for and the library does not have: to be made."""

    brand = models.ForeignKey(Brand, null=True, blank=True, on_delete=models.CASCADE)
    words = models.CharField(max_length=1_000)
    note = models.TextField(blank=True)
    done = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["done", "-created_at"]

    def __str__(self) -> str:
        return self.words
