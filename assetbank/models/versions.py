"""Files beside the current one: versions of an asset, and rendered downloads."""

from __future__ import annotations

import copy
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse
from django.utils import timezone

from assetbank.models.assets import Asset
from assetbank.models.files import ShownRenditions

# Fields of an asset that describe its file; a version has them under the same names
FILE_FIELDS = (
    *("file", "filename", "checksum", "mime", "width", "height", "bytes"),
    *("colours", "colour_cells", "perceptual_hash", "digital_source_type"),
)


class AssetVersion(ShownRenditions, models.Model):
    """A file that is or was the file of an asset. Immutable, and its bytes are never deleted
    before the asset is.

    Rows exist from the first replacement on, one of them for the current file: the one of the
    highest number, which is `Asset.version`. A restored version is a new row with the same file.
    """

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(help_text="Starts at 1; the highest one is current.")
    file = models.CharField(max_length=300, help_text="Path of the original in the storage.")
    filename = models.CharField(max_length=255)
    checksum = models.CharField(max_length=64, help_text="SHA-256 of the file, hexadecimal.")
    mime = models.CharField(max_length=40)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField()
    colours = ArrayField(models.CharField(max_length=7), null=True)
    colour_cells = ArrayField(models.IntegerField(), default=list)
    perceptual_hash = models.BigIntegerField(null=True)
    digital_source_type = models.CharField(max_length=40, blank=True)
    restored_from = models.PositiveIntegerField(
        null=True, help_text="Number of the earlier version with this file; null: a new file."
    )
    reason = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["asset", "number"], name="one_row_per_version")
        ]
        indexes = [models.Index(fields=["checksum"], name="version_checksum")]

    def __str__(self) -> str:
        return f"version {self.number} of {self.asset}"

    @property
    def as_asset(self) -> Asset:
        """The asset with this version's file in place of its current one: for reading, never to be
        saved. Its addresses are those of the asset."""
        shown = copy.copy(self.asset)
        shown.__dict__.update(self.facts)
        shown.version = self.number
        return shown

    @property
    def facts(self) -> dict[str, Any]:
        """The FILE_FIELDS and their values."""
        return {name: getattr(self, name) for name in FILE_FIELDS}

    @property
    def original_url(self) -> str:
        return reverse("asset-version-original", args=[self.asset_id, self.number])

    def rendition_url(self, name: str) -> str:
        """Return the address of a rendition of this version, for users who may edit the asset."""
        return reverse("asset-version-rendition", args=[self.asset_id, self.number, name])


def rendered_path(checksum: str, options: str) -> str:
    """Return the path in the storage of a rendered file."""
    return f"rendered/{checksum}/{options}"


class RenderedFile(models.Model):
    """A rendered file of an original, without metadata; it is made again when it is missing.

    It belongs to the original's bytes, and so to all assets that have them.
    """

    checksum = models.CharField(max_length=64, help_text="SHA-256 of the original.")
    options = models.CharField(max_length=20, help_text="Format and longest side: jpeg-1600.")
    bytes = models.PositiveBigIntegerField()
    used_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["checksum", "options"], name="rendered_once")
        ]

    def __str__(self) -> str:
        return f"{self.checksum[:12]} {self.options}"

    @property
    def path(self) -> str:
        """Path in the storage."""
        return rendered_path(self.checksum, self.options)
