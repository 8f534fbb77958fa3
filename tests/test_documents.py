"""Documents: names in them exist, and generated or counted parts are up to date."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command, get_commands
from pghistory.models import Event

from assetbank.management.commands.document_settings import PAGE, documents

ROOT = Path(__file__).resolve().parent.parent
APPS = ("assetbank", "search", "generation")
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(path for top in (*APPS, "tests") for path in ROOT.glob(f"{top}/**/*.md")),
    ]
)
LIMITS = {"README.md": 120} | {f"{app}/README.md": 150 for app in APPS}
INTERFACES = {"views", "api", "admin", "templatetags", "management"}
NOT_COMMITTED = {"var/"}
FILES = {".py", ".md", ".toml", ".txt", ".html", ".css", ".js", ".json", ".png"}
A_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")

document = pytest.mark.parametrize(
    "path", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS]
)


def spans(text: str) -> list[str]:
    """Return the code spans; a span may be broken over two lines."""
    assert text.count("`") % 2 == 0, "a backtick has no partner"
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def commands(text: str) -> list[str]:
    """Return the lines of code blocks, and the spans."""
    return [*re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE), *spans(text)]


def section(text: str, heading: str) -> str:
    found: str = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return found


def missing(found: list[str], exists: Callable[[str], bool]) -> list[str]:
    return sorted({each for each in found if not exists(each)})


# ------------------------------------------------------------------------ what they name


@document
def test_files_and_folders_exist(path: Path) -> None:
    app = ROOT / path.relative_to(ROOT).parts[0]
    bases = [ROOT, path.parent, *([app] if app.name in APPS else [])]

    def exists(span: str) -> bool:
        in_every_app = all((ROOT / app / span).exists() for app in APPS)
        if in_every_app or any((base / span).exists() for base in bases):
            return True
        return "/" not in span and span in _file_names()

    assert missing([span for span in spans(path.read_text()) if _is_a_path(span)], exists) == []


def _is_a_path(span: str) -> bool:
    if not A_PATH.fullmatch(span) or span in NOT_COMMITTED:
        return False
    in_a_folder = "/" in span and (ROOT / span.split("/")[0]).exists()
    return in_a_folder or span.endswith("/") or Path(span).suffix in FILES


@cache
def _file_names() -> set[str]:
    return {path.name for top in (*APPS, "tests", "templates") for path in ROOT.glob(f"{top}/**/*")}


@document
def test_modules_and_functions_exist(path: Path) -> None:
    text = path.read_text()
    modules = re.findall(r"-m (tests(?:\.\w+)*)", text)
    modules += [s for s in spans(text) if re.fullmatch(rf"({'|'.join(APPS)})(\.\w+)+", s)]
    assert missing(modules, _is_a_module) == []
    functions = [
        match[1] for s in spans(text) if (match := re.fullmatch(r"(?:\w+\.)*(\w+)\(\)", s))
    ]
    assert missing(functions, _definitions().__contains__) == []


def _is_a_module(name: str) -> bool:
    """Return True for the dotted name of a module, or of a name in one."""
    return any(
        (ROOT / f"{place}.py").exists() or (ROOT / place).is_dir()
        for place in (name.replace(".", "/"), name.rpartition(".")[0].replace(".", "/"))
        if place
    )


@cache
def _definitions() -> set[str]:
    code = (path.read_text() for app in APPS for path in ROOT.glob(f"{app}/**/*.py"))
    return {
        name for text in code for name in re.findall(r"^ *(?:def|class) (\w+)", text, re.MULTILINE)
    }


@document
def test_commands_exist(path: Path) -> None:
    lines = commands(path.read_text())
    targets = [match[1] for line in lines if (match := re.match(r"make ([a-z-]+)", line))]
    known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert missing(targets, known.__contains__) == []
    managed = [match[1] for line in lines if (match := re.search(r"manage\.py (\w+)", line))]
    assert missing(managed, get_commands().__contains__) == []


@document
def test_links_lead_somewhere(path: Path) -> None:
    def resolves(link: str) -> bool:
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        return target.exists() and (not anchor or anchor in _anchors(target.read_text()))

    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text())
    assert missing([link for link in links if not link.startswith("https://")], resolves) == []


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ------------------------------------------------------------------------ what they list


@pytest.mark.parametrize("name", LIMITS)
def test_a_readme_stays_short(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= LIMITS[name]


def test_the_readme_names_every_package_and_no_other() -> None:
    assert dict(_packages_named()) == {app: _packages(app) for app in APPS}


def _packages_named() -> Iterator[tuple[str, set[str]]]:
    part = section((ROOT / "README.md").read_text(), "The three apps and their packages")
    for block in re.split(r"^ {4}(?=\w)", part, flags=re.MULTILINE)[1:]:
        names = set(re.findall(r"^ {6}(\w+)/", block, re.MULTILINE))
        yield block.partition("/")[0], names


def _packages(app: str) -> set[str]:
    folders = {init.parent.name for init in ROOT.glob(f"{app}/*/__init__.py")}
    return folders - INTERFACES - {"migrations"}


@pytest.mark.parametrize("app", APPS)
def test_the_readme_of_an_app_names_its_packages_and_tables(app: str) -> None:
    text = (ROOT / app / "README.md").read_text()
    assert _packages(app) <= {span.rstrip("/") for span in spans(section(text, "Its packages"))}
    models = {
        model.__name__
        for model in apps.get_app_config(app).get_models()
        if not (issubclass(model, Event) or model._meta.proxy)  # events of a model are not listed
    }
    named = [
        span for span in spans(section(text, "Its tables")) if re.fullmatch(r"[A-Z]\w+[a-z]", span)
    ]
    assert sorted(named) == sorted(models)


@pytest.mark.parametrize("app", APPS)
def test_a_reader_finds_the_file_for_a_dozen_changes(app: str) -> None:
    rows = re.findall(
        r"^\| (?!---|to change)",
        section((ROOT / app / "README.md").read_text(), "To change X, open Y"),
        re.MULTILINE,
    )
    assert len(rows) >= 12


# ------------------------------------------------------------------------ what is generated


def test_the_documents_of_the_settings_are_as_generated() -> None:
    call_command("document_settings", "--check")


def test_every_variable_that_is_read_is_documented() -> None:
    read = re.findall(r'\benv\.\w+\(\s*"(\w+)"', (ROOT / "assetbank/settings.py").read_text())
    for app in APPS:
        for path in ROOT.glob(f"{app}/**/*.py"):
            read += re.findall(
                r'os\.(?:environ\.get\(|environ\[|getenv\()"(\w+)"', path.read_text()
            )
    page = documents(settings.DECLARED_SETTINGS)[PAGE]
    assert set(read) == set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert all(setting.help.endswith((".", ")")) for setting in settings.DECLARED_SETTINGS)


# ------------------------------------------------------------------------ decisions


@pytest.mark.parametrize("app", APPS)
def test_decisions_are_numbered_without_gaps_and_dated(app: str) -> None:
    records = sorted((ROOT / app / "docs" / "decisions").glob("*.md"))
    numbers = [path.name[:4] for path in records]
    assert numbers == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        lines = path.read_text().splitlines()
        assert 10 <= len(lines) <= 25, path.name
        assert re.fullmatch(rf"# {path.name[:4]} .+", lines[0]), path.name
        assert re.fullmatch(r"Date: 20\d\d-[01]\d-[0-3]\d", lines[2]), path.name
        headings = [line for line in lines if line.startswith("## ")]
        assert headings == ["## Context", "## Decision", "## Consequence"], path.name
