"""Notifications for users."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Notice(models.Model):
    """A notification for a user; `read_at` is null until it has been read."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    sentence = models.CharField(max_length=500)
    address = models.CharField(max_length=300, blank=True, help_text="Where to see it.")
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.sentence
