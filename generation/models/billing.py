"""Costs of images: an append-only ledger, and spending caps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q, Sum

from assetbank.models import Brand
from generation.models.generations import Generation
from generation.models.takes import Take

USD: dict[str, Any] = {"max_digits": 12, "decimal_places": 6}


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    def total(self) -> Decimal:
        """Return the sum of the entries' amounts in US dollars."""
        usd: Decimal | None = self.aggregate(usd=Sum("usd"))["usd"]
        return usd or Decimal(0)


class LedgerEntry(models.Model):
    """One entry of the ledger, never changed: an amount in US dollars of one kind.

    The entries RESERVED and RELEASED of a generation add up to what it may still cost, and to 0
    once it has ended. AVOIDED and SAVED are not spending, and are reported separately.
    """

    class Kind(models.TextChoices):
        RESERVED = "reserved", "Reserved"  # the estimate, at submission
        RELEASED = (
            "released",
            "Released",
        )  # parts of the reservation; negative
        CHARGED = "charged", "Charged"  # from the usage of an answer
        AVOIDED = "avoided", "Avoided"  # an existing image was used instead
        SAVED = "saved", "Saved"  # by drafts or the batch interface

    SPENT = (Kind.RESERVED, Kind.RELEASED, Kind.CHARGED)

    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="ledger")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="ledger",
        verbose_name="user",
    )
    generation = models.ForeignKey(
        Generation, null=True, on_delete=models.SET_NULL, related_name="ledger"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    usd = models.DecimalField("$", **USD)
    take = models.ForeignKey(
        Take,
        null=True,
        on_delete=models.SET_NULL,
        related_name="ledger",
        help_text="Number of the response that was charged.",
        verbose_name="response",
    )
    note = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = LedgerQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(
                fields=["take"], condition=Q(kind="charged"), name="an_answer_is_charged_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ${self.usd}"


class SpendingCap(models.Model):
    """Limit of what a brand, or a user in all brands together, may spend in a calendar month."""

    brand = models.OneToOneField(
        Brand, null=True, blank=True, on_delete=models.CASCADE, related_name="cap"
    )
    person = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="spending_cap",
        verbose_name="user",
    )
    monthly_usd = models.DecimalField(
        "$ per month", max_digits=10, decimal_places=2, validators=[MinValueValidator(Decimal(0))]
    )

    class Meta:
        verbose_name = "spending limit"
        constraints = [
            models.CheckConstraint(
                condition=Q(brand=None, person__isnull=False) | Q(brand__isnull=False, person=None),
                name="cap_of_a_brand_or_a_person",
                violation_error_message="Choose either a brand or a user.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.brand or self.person}: ${self.monthly_usd} a month"
