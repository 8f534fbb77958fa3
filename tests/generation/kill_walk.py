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

Line = tuple[str, int]  # its file and number
Visit = tuple[Line, int]  # from 1
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
    """One worker with a connection of its own. `until`: killed before it is there."""

    work: Callable[[], None]
    heard: Callable[[], int]  # requests that have reached the engine
    until: Visit | None = None
    lines: list[Line] = field(default_factory=list)
    visits: Counter[Line] = field(default_factory=Counter)
    left: list[Left] = field(default_factory=list)  # by a kill at each of the lines

    def run(self) -> bool:
        """False: it was killed on the way."""
        with ThreadPoolExecutor(1) as worker:
            return worker.submit(self._work).result()

    @property
    def files(self) -> set[str | None]:
        """The modules that it entered."""
        return {file for file, _ in self.lines}

    def last_lines(self) -> list[Visit]:
        """Return the visits to lines after which something else would be left."""
        following = [*self.left[1:], None]
        last = [n for n, left in enumerate(self.left) if left != following[n]]
        return [(self.lines[n], self.lines[: n + 1].count(self.lines[n])) for n in last]

    def killed_at(self, visit: Visit) -> None:
        """Work again until there. Lines that look at pixels are others for another picture; it goes
        along the same lines of `generation`."""
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
            connection.close()  # which ends its transaction
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
