"""Query images, and the log of search queries."""

from __future__ import annotations

import uuid

import numpy as np
from django.conf import settings
from django.db import connection, models
from django.utils import timezone

from assetbank.models import Asset, Brand
from search.models.spaces import Vector, VectorSpace

INSERT = """
INSERT INTO search_asked
    (id, person_id, words, question, space_id, matched, clicks, ranking, asked_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
RETURNING CASE WHEN %s THEN set_config('synchronous_commit', 'off', true) END
"""


class QueryImage(models.Model):
    """A query image, or a region of an asset used as one.

    A small copy is stored for a day, so that the search has an address and can be paged; one that a
    saved query uses is stored as long as that.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        verbose_name="user",
    )
    brand = models.ForeignKey(
        Brand,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        help_text="Brand of the stored search that uses it; empty: available to its user only, for "
        "one day.",
    )
    asset = models.ForeignKey(
        Asset,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        help_text="Asset of which it is a region: visible only to users who can access that asset.",
    )
    fingerprint = models.CharField(max_length=64, help_text="Encoder of the vector.")
    vector_bytes = models.BinaryField()
    thumbnail = models.BinaryField(help_text="WebP, large enough to be embedded again.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        db_table = "search_picturequestion"  # its name before the model was renamed
        verbose_name = "image search"
        verbose_name_plural = "image searches"

    def __str__(self) -> str:
        return f"search image of {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def vector(self) -> Vector:
        return np.frombuffer(bytes(self.vector_bytes), dtype="<f4")


class QueryLog(models.Model):
    """A logged search query with its ranking.

    Its pages are cut from one ranking, so they neither repeat nor skip assets when the library
    changes in the meantime. The ranking is deleted after a day, and the user is removed after
    QUESTION_NAMES_DAYS; the words are stored for the search-gap board.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        verbose_name="user",
    )
    words = models.CharField(
        max_length=1_000,
        blank=True,
        db_index=True,
        help_text="Lower case, single spaces.",
        verbose_name="query",
    )
    question = models.TextField(help_text="As URL parameters.", verbose_name="URL parameters")
    space = models.ForeignKey(VectorSpace, null=True, blank=True, on_delete=models.SET_NULL)
    matched = models.PositiveIntegerField(
        help_text="Number of good matches.", verbose_name="good matches"
    )
    clicks = models.PositiveIntegerField(
        default=0, null=True, help_text="Empty: an API search, which has no clicks."
    )
    ranking = models.BinaryField(null=True, help_text="See Ranking.to_bytes.")
    asked_at = models.DateTimeField(auto_now_add=True, db_index=True, verbose_name="searched at")

    class Meta:
        db_table = "search_asked"
        verbose_name = "search log entry"
        verbose_name_plural = "search log entries"

    def __str__(self) -> str:
        return self.words or self.question

    def insert_async(self) -> None:
        """Insert the row without waiting for the disk, unless inside a transaction.

        After a power cut, queries of the last second may be lost.
        """
        self.asked_at = timezone.now()
        values = [getattr(self, field.attname) for field in self._meta.concrete_fields]
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [*values, not connection.in_atomic_block])
