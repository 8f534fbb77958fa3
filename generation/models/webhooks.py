"""Webhooks of brands, and the deliveries to them."""

from __future__ import annotations

import base64
import secrets
import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from assetbank.models import Brand


def new_secret() -> str:
    """Return a random secret for signing messages, in the format of standardwebhooks.com: base64
    after a prefix."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


class Webhook(models.Model):
    """One address that gets messages about events of a brand."""

    class Event(models.TextChoices):
        FINISHED = "generation.finished", "Generation finished"
        REFUSED = "generation.refused", "Generation refused"
        APPROVED = "asset.approved", "Asset approved"
        WITHDRAWN = "rights.withdrawn", "Usage rights revoked"

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    secret = models.CharField(
        max_length=100,
        default=new_secret,
        help_text="Signs each message; share it with the receiver.",
    )
    events = ArrayField(models.CharField(max_length=30, choices=Event.choices))
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.url} ({self.brand})"


class WebhookDelivery(models.Model):
    """One message to a webhook, and the state of its attempts; its id is the `webhook-id`."""

    class State(models.TextChoices):
        WAITING = "waiting", "Queued"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=30, choices=Webhook.Event.choices)
    payload: models.JSONField[Any, dict[str, Any]] = models.JSONField()
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.WAITING, db_index=True
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    status = models.PositiveSmallIntegerField(
        null=True, help_text="HTTP status of the last response."
    )
    reason = models.TextField(blank=True, help_text="Reason why the last attempt failed.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    tried_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "webhook deliveries"

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook.url}"
