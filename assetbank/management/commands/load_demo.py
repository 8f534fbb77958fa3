"""Load the demo catalogue into an embedded library."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from assetbank.demo import library


class Command(BaseCommand):
    help = "Draw the demo catalogue and take it in (embedded profile only; may be run again)."

    def handle(self, *args: Any, **options: Any) -> None:
        with tqdm(desc="Demo pictures", unit="picture", file=sys.stdout, ncols=80) as bar:
            for done, total in library.load():
                bar.total = total
                bar.update(done - bar.n)
        self.stdout.write("The demo library is there.")
