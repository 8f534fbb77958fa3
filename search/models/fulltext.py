"""The full-text search document of each asset."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from assetbank.models import Asset


class Document(models.Model):
    """One asset's words, prepared for full-text search.

    PostgreSQL triggers (see the migrations `words` and `metadata_words`) keep it up to date in the
    same transaction, also after `bulk_create`, `update()` and raw SQL.
    """

    asset = models.OneToOneField(
        Asset,
        primary_key=True,
        on_delete=models.DO_NOTHING,  # the database cascades
        db_constraint=False,
        related_name="document",
    )
    words = SearchVectorField(
        help_text="Weights: A title and tags, B file name, credit, headline, creator and place, C "
        "texts, D prompt."
    )
    names = ArrayField(
        models.TextField(), help_text="File name and article numbers, letters and digits only."
    )

    class Meta:
        indexes = [
            GinIndex(fields=["words"], name="document_words", fastupdate=False),
            GinIndex(fields=["names"], name="document_names", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"words of asset {self.asset_id}"
