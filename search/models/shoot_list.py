"""The shoot list: images to be made."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from assetbank.models import Brand


class ShootListItem(models.Model):
    """An image that users searched for and the library lacks."""

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
