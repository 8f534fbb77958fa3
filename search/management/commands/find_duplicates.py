"""`manage.py find_duplicates`: detect duplicate images now instead of in the background."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from assetbank.models import Brand
from search.duplicates import detect
from search.duplicates import groups as duplicate_groups
from search.vectorstore import VectorStoreUnavailable


class Command(BaseCommand):
    help = (
        "Compare the assets that were not compared yet with the rest of their brand; the workers "
        "do so too. May be stopped and run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--brand", default="", help="Slug; else all brands.")
        parser.add_argument(
            "--again",
            action="store_true",
            help="Forget what was found and compare all; what people said stays.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        brand = self._brand(options["brand"])
        if options["again"]:
            detect.forget_comparisons(brand)
        try:
            done = self._find(brand)
        except VectorStoreUnavailable as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. Run the same command again to go on.") from None
        brands = Brand.objects.filter(pk=brand.pk) if brand else Brand.objects.all()
        groups = duplicate_groups.count(brands)
        self.stdout.write(f"{done} compared; {groups} group{'' if groups == 1 else 's'}.")

    def _find(self, brand: Brand | None) -> int:
        total = detect.uncompared_assets(brand).count()
        with tqdm(total=total, unit="asset", file=sys.stdout, ncols=80) as bar:

            def after(done: int) -> None:
                bar.update(done - bar.n)

            return detect.detect(brand=brand, wait=True, after=after)

    def _brand(self, slug: str) -> Brand | None:
        if not slug:
            return None
        try:
            return Brand.objects.get(slug=slug)
        except Brand.DoesNotExist:
            slugs = ", ".join(Brand.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no brand “{slug}”. Brands: {slugs}.") from None
