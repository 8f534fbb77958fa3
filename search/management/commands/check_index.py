"""`manage.py check_index`: compare Milvus with Postgres, and repair it with --fix."""

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
            self._print(each, with_model=len(report.spaces) > 1)
        if report.sound:
            self.stdout.write(f"All {report.checked} indexed assets are right.")
        elif options["fix"]:
            pipeline.enqueue_indexing()
            self.stdout.write("Marked; the index worker puts them right.")
        else:
            raise CommandError("The index is not right; --fix puts it right.")

    def _print(self, report: reconcile.SpaceReport, *, with_model: bool) -> None:
        if with_model:
            self.stdout.write(f"{report.space.model}:")
        for finding, count in report.counts.items():
            examples = ", ".join(map(str, report.examples.get(finding, [])))
            self.stdout.write(f"{count:6} {finding}{f': {examples}' if examples else ''}")
