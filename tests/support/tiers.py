"""Markers, order and groups of tests.

A test gets its markers from the fixtures that it uses, so that none is forgotten. Slow tests run
first, and the tests of a group stay on one worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

# Longest tests first, so that short ones fill the gaps at the end
SLOW = ("browser", "faults", "processes", "milvus", "index")
EXPENSIVE = {"index": "index", "real_server": "milvus"}  # fixture: marker
SCOPES = {"module", "class", "package"}


def mark(items: list[pytest.Item]) -> None:
    """Add the markers of EXPENSIVE fixtures, and `slow` to tests with a marker of SLOW."""
    for item in items:
        if isinstance(item, pytest.Function):
            for marker in _markers(item):
                item.add_marker(marker)
            if any(item.get_closest_marker(name) for name in SLOW):
                item.add_marker("slow")


def groups(items: list[pytest.Item]) -> dict[str, str]:
    """Return the group of each test that is in one, by the test's name."""
    found = {item.nodeid: _group(item) for item in items if isinstance(item, pytest.Function)}
    return {name: group for name, group in found.items() if group}


def rank(item: pytest.Item) -> tuple[bool, int]:
    """Return the sort key: longest tier first; tests that empty all tables come last."""
    database = item.get_closest_marker("django_db")
    empties = database is not None and bool(database.kwargs.get("transaction"))
    tiers = (*SLOW, "slow")
    positions = [place for place, name in enumerate(tiers) if item.get_closest_marker(name)]
    return empties, min(positions, default=len(tiers))


def _markers(item: pytest.Function) -> Iterator[str]:
    for name, marker in EXPENSIVE.items():
        if name in item.fixturenames:
            yield marker
    if kind := _parameter(item, "either_milvus"):
        yield "milvus" if kind == "server" else "index"
    if any("House" in str(fixture.func.__annotations__.get("return")) for fixture in _ours(item)):
        yield "processes"


def _group(item: pytest.Function) -> str:
    """Return the group of a test: the name in its `xdist_group` marker, or its file if it uses a
    fixture with the scope of a module; "" for none."""
    if marker := item.get_closest_marker("xdist_group"):
        return str(marker.args[0])
    if not any(fixture.scope in SCOPES for fixture in _ours(item)):
        return ""
    file = item.nodeid.partition("::")[0]
    return f"{file} {_parameter(item, 'either_milvus')}".strip()


def _parameter(item: pytest.Function, name: str) -> str:
    return str(item.callspec.params.get(name, "")) if hasattr(item, "callspec") else ""


def _ours(item: pytest.Function) -> Iterable[pytest.FixtureDef[object]]:
    """Return the fixtures of this project that the test uses."""
    found = item._fixtureinfo.name2fixturedefs
    used = [found[name][-1] for name in item.fixturenames if name in found]
    return [fixture for fixture in used if fixture.func.__module__.startswith("tests.")]
