"""Workers that are killed at any line.

A kill leaves what is committed at that moment, so a walk looks at each line, with a connection of
its own, at what that is. Lines between two commits leave the same: one of them is killed for all,
by an exception that nothing catches, which rolls back what is not committed as PostgreSQL does for
a process that is gone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from assetbank.models import Asset
from generation.models import BatchJob, Generation, LedgerEntry, Output, Turn

Line = tuple[str, int]  # its file and number
Left = tuple[int, ...]

VERSIONS = "SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM {}"
TABLES = [each._meta.db_table for each in (Generation, Output, Turn, LedgerEntry, BatchJob, Asset)]


class Killed(BaseException):
    pass


@dataclass
class Walk:
    """One worker with a connection of its own. `until`: killed before the line of that number."""

    work: Callable[[], None]
    files: Collection[str | None]
    heard: Callable[[], int]  # requests that have reached the engine
    until: int | None = None
    lines: list[Line] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)  # by a kill at each of the lines

    def run(self) -> bool:
        """False: it was killed on the way."""
        with ThreadPoolExecutor(1) as worker:
            return worker.submit(self._work).result()

    def last_lines(self) -> list[int]:
        """Numbers of the lines after which something else would be left."""
        following = [*self.left[1:], None]
        return [n for n, left in enumerate(self.left) if left != following[n]]

    def killed_at(self, number: int) -> None:
        """The same again until there; it goes along the same lines."""
        again = Walk(self.work, self.files, self.heard, until=number)
        assert not again.run()
        assert again.lines == self.lines[:number]

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
        return self._line if frame.f_code.co_filename in self.files else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            if len(self.lines) == self.until:
                raise Killed
            self.lines.append((frame.f_code.co_filename, frame.f_lineno))
            if self.until is None:
                self.left.append(self._look())
        return self._line

    def _look(self) -> Left:
        with self._watcher.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(VERSIONS.format(table) for table in TABLES))
            return (*(number for row in cursor.fetchall() for number in row), self.heard())
