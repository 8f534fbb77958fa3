"""The requirement files declare every imported distribution, each at one version."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("assetbank", "search", "generation", "manage.py")
OUR_OWN = {"assetbank", "search", "generation", "tests", "manage"}
LINE = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?==[\w.]+(\s*;[^#]+)?")


def lines(file: str) -> list[str]:
    """Return the requirements of a file, without comments."""
    text = (ROOT / file).read_text()
    return [line for each in text.splitlines() if (line := each.partition("#")[0].strip())]


def declared(file: str) -> set[str]:
    """Return the normalised names of the declared distributions."""
    names = (LINE.fullmatch(line) for line in lines(file))
    return {normal(found["name"]) for found in names if found}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(*places: str) -> Iterator[str]:
    """Yield the dotted names that files and folders import, also inside functions; of a
    `from … import` the imported name is a part."""
    for place in places:
        path = ROOT / place
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    yield from (f"{node.module}.{alias.name}" for alias in node.names)


def distributions(module: str) -> set[str]:
    """Return the names of installed distributions that have this module."""
    top, _, rest = module.partition(".")
    names = set(packages().get(top, []))
    if len(names) > 1:  # several share a namespace, like `google`
        second = rest.partition(".")[0]
        names = {name for name in names if f"{top}/{second}" in folders(name)}
    return {normal(name) for name in names}


@cache
def packages() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@cache
def folders(distribution: str) -> set[str]:
    """Return the first two parts of the path of each file of a distribution."""
    files = importlib.metadata.files(distribution) or []
    return {"/".join(file.with_suffix("").parts[:2]) for file in files}


def missing(modules: Iterable[str], known: set[str]) -> set[str]:
    foreign = {
        module
        for module in modules
        if module.partition(".")[0] not in OUR_OWN | sys.stdlib_module_names
    }
    assert foreign
    return {module for module in foreign if known.isdisjoint(distributions(module))}


def test_what_the_product_imports_is_declared() -> None:
    assert missing(imported(*PRODUCT), declared("requirements.txt")) == set()


def test_what_tests_import_is_declared() -> None:
    known = declared("requirements.txt") | declared("requirements-dev.txt")
    assert missing(imported("tests"), known) == set()


def test_an_import_that_is_not_declared_is_found() -> None:
    known = declared("requirements.txt")
    assert missing(["pytest", "google.protobuf.message", "PIL.Image"], known) == {
        "pytest",
        "google.protobuf.message",
    }
    assert missing(["google.genai.types", "google.auth.exceptions"], known) == set()


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_line_has_one_version(file: str) -> None:
    loose = [line for line in lines(file) if not LINE.fullmatch(line)]
    assert loose == (["-r requirements.txt"] if file == "requirements-dev.txt" else [])


def test_the_second_file_adds_to_the_first() -> None:
    assert lines("requirements-dev.txt")[0] == "-r requirements.txt"
    assert declared("requirements.txt").isdisjoint(declared("requirements-dev.txt"))
