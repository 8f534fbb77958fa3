"""Withdrawals of usage rights, and the assets in quarantine because of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from assetbank.models import Asset, Brand


class Withdrawal(models.Model):
    """One revocation of the usage rights of an asset, the source: it and its descendants are
    quarantined until it is lifted."""

    # Brand, title and checksum stay when the asset is deleted: its managers may still lift this
    asset = models.ForeignKey(
        Asset, null=True, on_delete=models.SET_NULL, related_name="withdrawals"
    )
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="withdrawals")
    title = models.CharField(max_length=200)
    checksum = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="withdrawals",
        verbose_name="revoked by",
    )
    at = models.DateTimeField(auto_now_add=True, verbose_name="revoked at")
    lifted_at = models.DateTimeField(null=True, blank=True, verbose_name="reinstated at")
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="reinstated by",
    )

    class Meta:
        verbose_name = "usage rights revocation"
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.title}: {self.reason}"


class Quarantine(models.Model):
    """One asset that a withdrawal holds back: the source itself, or a descendant of it."""

    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.CASCADE, related_name="quarantined")
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="quarantines")
    status_before = models.CharField(max_length=12)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["withdrawal", "asset"], name="quarantined_once")
        ]

    def __str__(self) -> str:
        return f"{self.asset}, because of {self.withdrawal.title}"
