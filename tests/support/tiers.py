"""Which tests are slow, and which stay together when several workers share a run.

A test gets its markers from the fixtures that it uses, so that nobody forgets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

# Those whose tests take longest come first, so that short ones fill the gaps at the end
SLOW = ("browser", "faults", "processes", "milvus", "index")
EXPENSIVE = {"index": "index", "real_server": "milvus"}  # fixture: marker
SCOPES = {"module", "class", "package"}


def mark(items: list[pytest.Item]) -> None:
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
    """Return its place: longest tier first; those that empty all tables come after all others."""
    database = item.get_closest_marker("django_db")
    empties = database is not None and bool(database.kwargs.get("transaction"))
    tiers = (*SLOW, "slow")
    found = [place for place, name in enumerate(tiers) if item.get_closest_marker(name)]
    return empties, min(found, default=len(tiers))


def _markers(item: pytest.Function) -> Iterator[str]:
    for name, marker in EXPENSIVE.items():
        if name in item.fixturenames:
            yield marker
    if kind := _parameter(item, "either_milvus"):
        yield "milvus" if kind == "server" else "index"
    if any("House" in str(fixture.func.__annotations__.get("return")) for fixture in _ours(item)):
        yield "processes"


def _group(item: pytest.Function) -> str:
    """Return what the tests are marked with that must stay together, or the file of those that
    share what is made once for a module; empty for none."""
    if marker := item.get_closest_marker("xdist_group"):
        return str(marker.args[0])
    if not any(fixture.scope in SCOPES for fixture in _ours(item)):
        return ""
    file = item.nodeid.partition("::")[0]
    return f"{file} {_parameter(item, 'either_milvus')}".strip()


def _parameter(item: pytest.Function, name: str) -> str:
    return str(item.callspec.params.get(name, "")) if hasattr(item, "callspec") else ""


def _ours(item: pytest.Function) -> Iterable[pytest.FixtureDef[object]]:
    """The fixtures of this project that the test uses."""
    found = item._fixtureinfo.name2fixturedefs
    used = [found[name][-1] for name in item.fixturenames if name in found]
    return [fixture for fixture in used if fixture.func.__module__.startswith("tests.")]
