"""Downloads in other sizes and formats that are kept in the storage."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


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
