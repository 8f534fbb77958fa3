"""Is everything in Milvus that should be, as it should be, and nothing else?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from search.encoders import EncoderError
from search.indexing import pipeline, reconcile
from search.vectorstore import VectorStoreUnavailable


class Command(BaseCommand):
    help = "Compare Postgres and Milvus both ways, ids and scalars. Exit 1 if they differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fix", action="store_true", help="Put right what is wrong.")

    def handle(self, *args: Any, **options: Any) -> None:
        with tqdm(desc="Checked", unit="asset", file=sys.stdout, ncols=80) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                report = reconcile.check_index(fix=options["fix"], progress=progress)
            except (VectorStoreUnavailable, EncoderError) as error:
                raise CommandError(str(error)) from error
        for each in report.spaces:
            self._tell(each, named=len(report.spaces) > 1)
        if report.sound:
            self.stdout.write(f"All {report.checked} indexed assets are right.")
        elif options["fix"]:
            pipeline.enqueue_indexing()
            self.stdout.write("Marked; the index worker puts them right.")
        else:
            raise CommandError("The index is not right; --fix puts it right.")

    def _tell(self, report: reconcile.SpaceReport, *, named: bool) -> None:
        if named:
            self.stdout.write(f"{report.space.model}:")
        for what, count in report.counts.items():
            examples = ", ".join(map(str, report.examples.get(what, [])))
            self.stdout.write(f"{count:6} {what}{f': {examples}' if examples else ''}")
