"""Update the metadata of a brand's assets from a CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from assetbank.assets.folders import csv_import
from assetbank.errors import ProblemError
from assetbank.models import Brand


class Command(BaseCommand):
    help = (
        "Update existing assets from a CSV: one row each, named by a column id, checksum or "
        "filename. Can be stopped and run again: what an asset has already is not written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--brand", required=True, help="Slug of the brand.")
        parser.add_argument("--csv", required=True, type=Path, help="In UTF-8, with a header.")
        parser.add_argument("--dry-run", action="store_true", help="Change nothing.")
        parser.add_argument(
            "--clear-empty", action="store_true", help="An empty cell removes the value."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        brand = Brand.objects.filter(slug=options["brand"]).first()
        if brand is None:
            slugs = ", ".join(Brand.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no brand “{options['brand']}”. Brands: {slugs}.")
        try:
            with options["csv"].open("rb") as file:
                report = csv_import.import_rows(
                    brand=brand,
                    file=file,
                    dry_run=options["dry_run"],
                    clear_empty=options["clear_empty"],
                )
        except (OSError, ProblemError) as error:
            raise CommandError(str(error)) from error
        for line, sentence in report.errors:
            self.stderr.write(f"Line {line}: {sentence}")
        would = "would be updated" if report.dry_run else "updated"
        self.stdout.write(
            f"{report.updated} {would}, {report.unchanged} unchanged, {report.failed} failed."
        )
