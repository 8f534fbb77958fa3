"""The trash: rows that are put aside for some days before they are deleted for good."""

from __future__ import annotations

import datetime
import math
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone


class Trashable(models.Model):
    """Since when a row is in the trash, and who put it there; both are null outside of it."""

    deleted_at: models.DateTimeField[Any, datetime.datetime | None] = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When it was moved to the trash; null: it is not there.",
    )
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,  # a partial index of the model is enough: most rows have none
    )

    class Meta:
        abstract = True

    @property
    def in_trash(self) -> bool:
        return self.deleted_at is not None

    @property
    def trash_days_left(self) -> int | None:
        """Days until it is deleted for good, rounded up; None: that never happens by itself."""
        if self.deleted_at is None or not settings.TRASH_DAYS:
            return None
        ends = self.deleted_at + datetime.timedelta(days=settings.TRASH_DAYS)
        return max(0, math.ceil((ends - timezone.now()) / datetime.timedelta(days=1)))
