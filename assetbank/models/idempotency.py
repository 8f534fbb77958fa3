"""Records of requests with an Idempotency-Key."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models


class IdempotentRequest(models.Model):
    """A POST with an Idempotency-Key and its response, which a client's retry gets again."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(
        max_length=64, db_column="asked", help_text="SHA-256 of method, path and body."
    )
    status = models.PositiveSmallIntegerField(
        null=True, help_text="Null: the request is still running."
    )
    answer = models.BinaryField(null=True)
    headers: models.JSONField[Any, dict[str, str]] = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "key"], name="one_request_per_key")
        ]

    def __str__(self) -> str:
        return self.key
