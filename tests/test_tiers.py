"""Markers, groups and dealing: what would go wrong silently."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import dealing, tiers
from tests.support.processes import House


@pytest.fixture(scope="module")
def once() -> object:
    return object()


@pytest.fixture
def house() -> list[House]:
    return []


def test_those_that_use_a_fixture_of_their_module_are_one_group(
    request: pytest.FixtureRequest, once: object
) -> None:
    assert tiers.groups([request.node]) == {request.node.nodeid: "tests/test_tiers.py"}


@pytest.mark.xdist_group("together")
def test_a_marker_names_a_group(request: pytest.FixtureRequest) -> None:
    assert tiers.groups([request.node]) == {request.node.nodeid: "together"}


def test_others_are_in_none(request: pytest.FixtureRequest) -> None:
    assert tiers.groups([request.node]) == {}


def test_a_group_is_dealt_out_as_one(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealing, "FILE", tmp_path / "groups.json")
    monkeypatch.setattr(pytestconfig.option, "tx", ["popen"], raising=False)
    dealing.write_groups({"a.py::one": "a.py", "a.py::two": "a.py"})
    dealt = dealing.Dealing(pytestconfig)
    names = ["a.py::one", "b.py::one", "a.py::two", "b.py::two"]
    assert [dealt._split_scope(name) for name in names] == ["a.py", names[1], "a.py", names[3]]


def test_a_fixture_that_returns_a_house_marks_its_tests(
    request: pytest.FixtureRequest, house: list[House]
) -> None:
    assert request.node.get_closest_marker("processes")
    assert request.node.get_closest_marker("slow")


def test_without_the_marker_there_is_no_house() -> None:
    with pytest.raises(AssertionError, match="is marked `processes`"):
        House()
