"""Render the renditions again that were made by earlier rules."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from assetbank.assets import refresh_renditions
from assetbank.errors import FileMissing, PictureRefused
from assetbank.models import Asset


class Command(BaseCommand):
    help = (
        "Render the renditions again that are missing or were made by an earlier version, and "
        "correct size, colours and hash of their assets. Can be stopped and run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        assets = Asset.objects.order_by("-pk")
        counts: Counter[str] = Counter()
        try:
            with tqdm(total=assets.count(), unit="asset", file=sys.stdout, ncols=80) as bar:
                for asset in assets.iterator(chunk_size=200):
                    try:
                        done = refresh_renditions(asset=asset)
                        counts["rendered" if done else "current"] += 1
                    except (FileMissing, PictureRefused) as error:
                        counts["skipped"] += 1
                        bar.write(f"skipped: {asset.pk} {asset}: {error.message}")
                    bar.update()
        except KeyboardInterrupt:
            self._summary(counts)
            raise CommandError("Stopped. Run the same command again to continue.") from None
        self._summary(counts)

    def _summary(self, counts: Counter[str]) -> None:
        self.stdout.write(
            f"{counts['rendered']} rendered, {counts['current']} up to date, "
            f"{counts['skipped']} skipped."
        )
