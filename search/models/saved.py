"""Saved searches with their visits, and golden queries."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from assetbank.models import Asset, Brand


class SavedSearch(models.Model):
    """A query that a brand saves: a collection that fills itself."""

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField(max_length=120)
    question = models.TextField(help_text="As the parameters of an address.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "saved searches"
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="saved_search_name_in_brand")
        ]

    def __str__(self) -> str:
        return self.name


class SavedSearchVisit(models.Model):
    """The time of a user's last visit to a saved search; later matches are new to them."""

    saved_search = models.ForeignKey(SavedSearch, on_delete=models.CASCADE, related_name="visits")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    visited_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["saved_search", "person"], name="one_visit_each")
        ]

    def __str__(self) -> str:
        return f"{self.person} at {self.saved_search}"


class GoldenQuestion(models.Model):
    """A query for which a brand knows the right answers.

    A new encoder must answer it at least as well as the active one.
    """

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="golden_questions")
    question = models.TextField(help_text="As the parameters of an address, like q=red+handbag.")
    expected: models.ManyToManyField[Asset, models.Model] = models.ManyToManyField(
        Asset, related_name="golden_questions", help_text="The assets that it should find."
    )
    measured = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="How it was answered last: recall, mrr, ndcg (0 to 1), at, encoder.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["brand", "id"]
        constraints = [
            models.UniqueConstraint(fields=["brand", "question"], name="golden_question_in_brand")
        ]

    def __str__(self) -> str:
        return self.question
