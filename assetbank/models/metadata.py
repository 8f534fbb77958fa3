"""Parts of an asset: what its file can say of itself, custom values, and its place in the trash."""

from __future__ import annotations

import datetime
import math
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

UNTITLED = "Untitled"  # title of an asset that has none: neither its file nor a user gave one


class EmbeddedMetadata(models.Model):
    """Descriptive fields and rights, read from XMP, IPTC-IIM and EXIF at ingest, then editable."""

    headline = models.CharField(max_length=300, blank=True)
    alt_text = models.TextField(
        blank=True, help_text="Describes the image to people who cannot see it."
    )
    extended_description = models.TextField(
        blank=True, help_text="More about the image than its alt text says."
    )
    creator = models.CharField(max_length=300, blank=True, help_text="Who made the image.")
    city = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=200, blank=True)
    captured_at = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="When the image was taken."
    )
    captured_offset = models.SmallIntegerField(
        null=True,
        blank=True,
        editable=False,
        help_text="Minutes from UTC where it was taken; null: unknown, captured_at is in UTC.",
    )
    rating = models.SmallIntegerField(
        null=True, blank=True, help_text="0 to 5 stars; -1: rejected."
    )
    latitude = models.FloatField(null=True, blank=True, help_text="Degrees, north positive.")
    longitude = models.FloatField(null=True, blank=True, help_text="Degrees, east positive.")
    custom = models.JSONField(
        default=dict, blank=True, editable=False, help_text="Values of the brand's custom fields."
    )

    licence = models.CharField(max_length=200, blank=True)
    credit = models.CharField(max_length=200, blank=True)
    copyright = models.CharField(max_length=500, blank=True, help_text="Copyright notice.")
    usage_terms = models.TextField(
        blank=True, help_text="How the image may be used, in the words of the licensor."
    )
    licensor_url = models.CharField(
        max_length=500, blank=True, help_text="Web page where a licence can be had."
    )
    terms_to_check = models.CharField(
        max_length=500,
        blank=True,
        help_text="Why somebody must check the terms before new images are made from it; empty: "
        "nothing to check.",
    )
    metadata_read_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When these fields were filled from the file; null: not yet.",
    )

    class Meta:
        abstract = True

    @property
    def place(self) -> str:
        """City and country, as far as they are known."""
        return ", ".join(filter(None, (self.city, self.country)))

    @property
    def captured_local(self) -> datetime.datetime | None:
        """Time of capture on the clock of the place; in UTC if its offset is unknown."""
        if self.captured_at is None:
            return None
        offset = datetime.timedelta(minutes=self.captured_offset or 0)
        return self.captured_at.astimezone(datetime.timezone(offset))

    @property
    def captured_zone(self) -> str:
        """Offset from UTC of the place of capture, such as "+01:00"; empty: unknown."""
        if self.captured_local is None or self.captured_offset is None:
            return ""
        return self.captured_local.isoformat()[-6:]

    @property
    def captured(self) -> str | None:
        """Time of capture as ISO 8601 with its offset; "Z" if that is unknown; None: no time."""
        if self.captured_local is None:
            return None
        return self.captured_local.isoformat()[:-6] + (self.captured_zone or "Z")


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
