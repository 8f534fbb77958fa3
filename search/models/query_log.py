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


class PictureQuestion(models.Model):
    """A query image, or a region of an asset used as one.

    A small copy is stored for a day, so that the search has an address and can be paged; one that a
    saved query uses is stored as long as that.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    brand = models.ForeignKey(
        Brand,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        help_text="Whose kept question it belongs to; empty: its person's alone, for a day.",
    )
    asset = models.ForeignKey(
        Asset,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        help_text="Of which it is a part: shown to nobody who may not see that.",
    )
    fingerprint = models.CharField(max_length=64, help_text="Encoder of the vector.")
    vector_bytes = models.BinaryField()
    thumbnail = models.BinaryField(help_text="WebP; large enough to be embedded again.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"picture shown at {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def vector(self) -> Vector:
        return np.frombuffer(bytes(self.vector_bytes), dtype="<f4")


class Asked(models.Model):
    """A logged search query with its ranking.

    Its pages are cut from one ranking, so they neither repeat nor skip assets when the library
    changes in the meantime. The ranking is deleted after a day, and the user is removed after
    QUESTION_NAMES_DAYS; the words are stored for the search-gap board.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    words = models.CharField(
        max_length=1_000, blank=True, db_index=True, help_text="Lower case, single spaces."
    )
    question = models.TextField(help_text="As the parameters of an address.")
    space = models.ForeignKey(VectorSpace, null=True, blank=True, on_delete=models.SET_NULL)
    matched = models.PositiveIntegerField(help_text="How many of those found really match.")
    clicks = models.PositiveIntegerField(
        default=0, null=True, help_text="Empty: a program asked, and programs do not click."
    )
    ranking = models.BinaryField(null=True, help_text="See search.ranking.Ranking.to_bytes.")
    asked_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = "asked question"

    def __str__(self) -> str:
        return self.words or self.question

    def remember(self) -> None:
        """Insert the row without waiting for the disk, unless inside a transaction.

        After a power cut, queries of the last second may be lost.
        """
        self.asked_at = timezone.now()
        values = [getattr(self, field.attname) for field in self._meta.concrete_fields]
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [*values, not connection.in_atomic_block])
