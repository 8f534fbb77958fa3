"""Deals tests out to the workers of a run: singly, except those of one group.

xdist's own `--dist loadgroup` puts the groups into the names of tests, for the process that deals;
pytest 9.2 ignores that (pytest-xdist issue 1386). Here a file in the run's folder has the groups.
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


def tell(groups: Mapping[str, str]) -> None:
    """Write down the group of each test that is in one. Each worker finds the same."""
    mine = FILE.with_suffix(f".{os.getpid()}")
    mine.write_text(json.dumps(groups))
    mine.rename(FILE)


class Dealing(LoadScopeScheduling):  # type: ignore[misc]  # it comes without types
    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # they are in order already: see `tiers`

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid, nodeid)

    @cached_property
    def _groups(self) -> dict[str, str]:
        """Read when all workers have collected their tests."""
        groups: dict[str, str] = json.loads(FILE.read_text())
        return groups
