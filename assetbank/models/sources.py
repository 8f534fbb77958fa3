"""Where imported files came from: a place in a folder, and the folders that the worker watches."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from assetbank.models.assets import Asset
from assetbank.models.brands import Brand

MAX_PATH_BYTES = 1_000  # of a root and of a path: an index row holds 2,700 bytes


class AssetSource(models.Model):
    """A file that was imported: its place, its state at that time, and the asset that it became.

    An import does not read a file again whose size and time of change are those of its row.
    """

    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="sources")
    root = models.CharField(max_length=MAX_PATH_BYTES, help_text="The imported folder.")
    path = models.CharField(
        max_length=MAX_PATH_BYTES,
        help_text="Relative to the folder, NFC; bytes that are not UTF-8 are escaped.",
    )
    size = models.BigIntegerField()
    mtime_ns = models.BigIntegerField(help_text="Time of change, nanoseconds since 1970.")
    checksum = models.CharField(max_length=64, help_text="SHA-256 of the file, hexadecimal.")
    sidecar = models.CharField(
        max_length=64, blank=True, help_text="Size and time of change of its sidecar."
    )
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="sources")
    seen_at = models.DateTimeField(default=timezone.now, help_text="When it was last found there.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "root", "path"], name="one_source_of_each_place"
            )
        ]
        indexes = [models.Index(fields=["brand", "checksum"], name="source_checksum")]

    def __str__(self) -> str:
        return f"{self.root}/{self.path}"


class WatchedFolder(models.Model):
    """State of a folder of WATCH_FOLDERS, as the worker last found it."""

    path = models.CharField(max_length=MAX_PATH_BYTES, unique=True)
    scanned_at = models.DateTimeField(default=timezone.now)
    problem = models.TextField(blank=True, help_text="Why nothing can be imported; empty: none.")
    waiting = models.JSONField(
        default=dict,
        help_text="Files that are not imported yet: path -> size, time of change in nanoseconds, "
        "and since when both are unchanged, in seconds since 1970.",
    )

    def __str__(self) -> str:
        return self.path
