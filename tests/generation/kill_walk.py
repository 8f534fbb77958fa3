"""Kills a worker at any line.

A killed worker leaves what is committed at that moment. So a first run reads, at each line and over
a connection of its own, what is committed. All lines between two commits leave the same state: only
the last of them is killed, by an exception that nothing catches, which rolls back what is not
committed, as PostgreSQL does for a process that has ended.

The lines of all modules of the three apps are traced.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from assetbank.models import Asset
from generation.models import BatchJob, Generation, LedgerEntry, Output, Take, Turn

Line = tuple[str, int]  # File and line number
Visit = tuple[Line, int]  # Line, and which of its visits, from 1
Committed = tuple[int, ...]

VERSIONS = "SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM {}"
MODELS = (Generation, Take, Output, Turn, LedgerEntry, BatchJob, Asset)
TABLES = [each._meta.db_table for each in MODELS]
APPS = tuple(
    apps.get_app_config(name).path + os.sep for name in ("assetbank", "search", "generation")
)
GENERATION = APPS[-1]


class Killed(BaseException):
    """Exception that ends a worker like a kill: no handler for Exception catches it."""


@dataclass
class Walk:
    """One run of a worker with its own connection.

    `until` is the visit before which it is killed. `committed` holds, for each of `lines`, what a
    kill there would leave.
    """

    work: Callable[[], None]
    request_count: Callable[[], int]  # Requests that have reached the engine
    until: Visit | None = None
    lines: list[Line] = field(default_factory=list)
    visits: Counter[Line] = field(default_factory=Counter)
    committed: list[Committed] = field(default_factory=list)

    def run(self) -> bool:
        """Run the worker; return False if it was killed."""
        with ThreadPoolExecutor(1) as worker:
            return worker.submit(self._work).result()

    @property
    def files(self) -> set[str | None]:
        """Files of the modules that were entered."""
        return {file for file, _ in self.lines}

    def last_lines(self) -> list[Visit]:
        """Return the last visit before each change of what is committed."""
        following = [*self.committed[1:], None]
        last = [n for n, state in enumerate(self.committed) if state != following[n]]
        return [(self.lines[n], self.lines[: n + 1].count(self.lines[n])) for n in last]

    def killed_at(self, visit: Visit) -> None:
        """Run again and kill the worker at `visit`.

        Assert that it went along the same lines of `generation`; lines that handle pixels differ
        with the image.
        """
        again = Walk(self.work, self.request_count, until=visit)
        assert not again.run()
        own = [line for line in again.lines if line[0].startswith(GENERATION)]
        assert own == [line for line in self.lines if line[0].startswith(GENERATION)][: len(own)]

    def _work(self) -> bool:
        self._watcher: BaseDatabaseWrapper = connection.copy()
        sys.settrace(self._call)
        try:
            self.work()
        except Killed:
            return False
        finally:
            sys.settrace(None)
            self._watcher.close()
            connection.close()  # rolls its transaction back
        return True

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(APPS) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            line = (frame.f_code.co_filename, frame.f_lineno)
            self.visits[line] += 1
            if (line, self.visits[line]) == self.until:
                raise Killed
            self.lines.append(line)
            if self.until is None:
                self.committed.append(self._read_committed())
        return self._line

    def _read_committed(self) -> Committed:
        """Return row counts and newest transactions of the tables, and the number of requests."""
        with self._watcher.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(VERSIONS.format(table) for table in TABLES))
            return (*(number for row in cursor.fetchall() for number in row), self.request_count())
