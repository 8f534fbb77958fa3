"""Distribution of tests to the workers of a run: singly, except those of one group.

xdist's own `--dist loadgroup` passes the groups to the scheduling process in the names of tests,
which pytest 9.2 ignores (pytest-xdist issue 1386). Here a file in the run's folder has the groups.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from xdist.scheduler import LoadScopeScheduling

FILE = Path(settings.DATA_DIR) / "groups.json"


def write_groups(groups: Mapping[str, str]) -> None:
    """Write the group of each test that has one to FILE; all workers write the same."""
    own = FILE.with_suffix(f".{os.getpid()}")
    own.write_text(json.dumps(groups))
    own.rename(FILE)


class Dealing(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Scheduler that keeps the tests of a group on one worker."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # `tiers` has sorted them already

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid, nodeid)

    @cached_property
    def _groups(self) -> dict[str, str]:
        """Return the groups; read once all workers have collected their tests."""
        groups: dict[str, str] = json.loads(FILE.read_text())
        return groups
