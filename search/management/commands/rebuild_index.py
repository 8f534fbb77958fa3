"""`manage.py rebuild_index`: fill new Milvus collections from Postgres."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search.encoders import EncoderError
from search.indexing import reconcile, spaces
from search.models import VectorSpace
from search.vectorstore import VectorStoreUnavailable


class Command(BaseCommand):
    help = "Build the search index anew from Postgres, without CLIP; the old one serves meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            spaces.ensure_active_space()
            for space in spaces.live_spaces():
                self._rebuild(space)
        except (VectorStoreUnavailable, EncoderError) as error:
            raise CommandError(str(error)) from error

    def _rebuild(self, space: VectorSpace) -> None:
        with tqdm(desc="Vectors", unit="vector", file=sys.stdout, ncols=80) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            done = reconcile.rebuild_index(space, progress=progress)
        waiting = space.embeddings.waiting().count()
        self.stdout.write(
            f"{space.model}: {done} vectors in a new collection; {waiting} wait for the worker."
        )
