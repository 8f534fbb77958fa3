"""A new Milvus collection from what Postgres keeps."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search import indexing, repair
from search.checkpoints import EncoderError
from search.milvus import MilvusDown
from search.models import Embedding


class Command(BaseCommand):
    help = "Build the search index anew from Postgres, without CLIP; the old one serves meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        with tqdm(desc="Vectors", unit="vector", file=sys.stdout, ncols=80) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            try:
                done = repair.rebuild(progress=progress)
            except (MilvusDown, EncoderError) as error:
                raise CommandError(str(error)) from error
        waiting = Embedding.objects.waiting().count()
        if waiting:
            indexing.request_work()
        self.stdout.write(f"{done} vectors in a new collection; {waiting} wait for the worker.")
