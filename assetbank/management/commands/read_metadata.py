"""Fill the metadata of existing assets from their files."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from assetbank.assets import fill_from_file, unread_assets
from assetbank.errors import ProblemError
from assetbank.models import Asset, Brand

BATCH = 200  # assets that are fetched at once


class Command(BaseCommand):
    help = (
        "Fill what is empty in the metadata of existing assets from their files: title, "
        "description, tags, creator, credit, copyright, capture date and others. Values of the "
        "library are never changed, and nothing is approved. Words that forbid a use put an asset "
        "into terms to be checked. Can be stopped and run again: an asset is read once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--brand", default="", help="Slug of a brand; default: all brands.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be filled, and save nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        unread = unread_assets(_brand(options["brand"]) if options["brand"] else None)
        self.counts: Counter[str] = Counter()
        last = 0
        try:
            with tqdm(total=unread.count(), unit="asset", file=sys.stdout, ncols=80) as bar:
                while batch := list(unread.filter(pk__gt=last)[:BATCH]):
                    for asset in batch:
                        last = asset.pk
                        if line := self._fill(asset, options["dry_run"]):
                            bar.write(f"asset {asset.pk}, {asset.filename}: {line}")
                        bar.update()
        except KeyboardInterrupt:
            self._summary(options["dry_run"])
            raise CommandError("Stopped. Run the same command again to continue.") from None
        self._summary(options["dry_run"])

    def _fill(self, asset: Asset, dry_run: bool) -> str:
        """Fill one asset, and return what is to be said about it."""
        try:
            filled = fill_from_file(asset=asset, dry_run=dry_run)
        except ProblemError as error:
            self.counts["skipped"] += 1
            return f"skipped: {error.message}"
        self.counts["filled" if filled else "nothing"] += 1
        return ", ".join(filled) if dry_run else ""

    def _summary(self, dry_run: bool) -> None:
        self.stdout.write(
            f"{self.counts['filled']} {'would be ' if dry_run else ''}filled, "
            f"{self.counts['nothing']} with nothing to add, {self.counts['skipped']} skipped."
        )


def _brand(slug: str) -> Brand:
    try:
        return Brand.objects.get(slug=slug)
    except Brand.DoesNotExist:
        slugs = ", ".join(Brand.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no brand “{slug}”. Brands: {slugs}.") from None
