"""Decisions about assets, what people are told, and requests that were answered."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from assetbank.models.assets import Asset


class Decision(models.Model):
    """Who approved an asset, sent it back or put it aside, when and why. Never changed."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Sent back"
        ARCHIVED = "archived", "Archived"

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


class Notice(models.Model):
    """Something that a person should know, until they have read it."""

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


class IdempotentRequest(models.Model):
    """A POST that came with an Idempotency-Key, and what was answered: a client's retry gets the
    same answer, and nothing is done twice."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    asked = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(null=True, help_text="None: it is being answered.")
    answer = models.BinaryField(null=True)
    headers: models.JSONField[Any, dict[str, str]] = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "key"], name="one_request_per_key")
        ]

    def __str__(self) -> str:
        return self.key
