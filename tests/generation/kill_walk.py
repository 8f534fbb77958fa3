"""Workers that are killed at any line.

A kill leaves what is committed at that moment, so a walk looks at each line, with a connection of
its own, at what that is. Lines between two commits leave the same: one of them is killed for all,
by an exception that nothing catches, which rolls back what is not committed as PostgreSQL does for
a process that is gone.

A walk looks at the lines of every module of the apps that it enters, whichever these are.
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

Line = tuple[str, int]  # file, line number
Visit = tuple[Line, int]  # number of the visit, from 1
Left = tuple[int, ...]

VERSIONS = "SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM {}"
MODELS = (Generation, Take, Output, Turn, LedgerEntry, BatchJob, Asset)
TABLES = [each._meta.db_table for each in MODELS]
APPS = tuple(
    apps.get_app_config(name).path + os.sep for name in ("assetbank", "search", "generation")
)
GENERATION = APPS[-1]


class Killed(BaseException):
    pass


@dataclass
class Walk:
    """Work of a worker on a connection of its own, optionally killed at a visit of a line."""

    work: Callable[[], None]
    heard: Callable[[], int]  # number of requests that the engine received
    until: Visit | None = None
    lines: list[Line] = field(default_factory=list)
    visits: Counter[Line] = field(default_factory=Counter)
    left: list[Left] = field(default_factory=list)  # by a kill at each visit, in order

    def run(self) -> bool:
        """Run the work; return False if it was killed."""
        with ThreadPoolExecutor(1) as worker:
            return worker.submit(self._work).result()

    @property
    def files(self) -> set[str | None]:
        """Return the files of the modules that the work entered."""
        return {file for file, _ in self.lines}

    def last_lines(self) -> list[Visit]:
        """Return the last visit before each change of what a kill would leave."""
        following = [*self.left[1:], None]
        last = [n for n, left in enumerate(self.left) if left != following[n]]
        return [(self.lines[n], self.lines[: n + 1].count(self.lines[n])) for n in last]

    def killed_at(self, visit: Visit) -> None:
        """Run the work again and kill it at `visit`.

        Check that it takes the same lines of `generation` until then: lines that read pixels depend
        on the image."""
        again = Walk(self.work, self.heard, until=visit)
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
            connection.close()  # ends its transaction
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
                self.left.append(self._look())
        return self._line

    def _look(self) -> Left:
        with self._watcher.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(VERSIONS.format(table) for table in TABLES))
            return (*(number for row in cursor.fetchall() for number in row), self.heard())
