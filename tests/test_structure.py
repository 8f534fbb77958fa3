"""Rules of the code layout that import-linter cannot check: sizes, faces, cycles, late imports."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("assetbank", "search", "generation")
INTERFACES = {"views", "api", "admin", "migrations", "commands", "templatetags"}
MAX_MODULES = 12  # per folder, app roots and interfaces excepted
MAX_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_FACE_LINES = 30
# Folders of an app that are Django's own or interfaces; every other package is a capability
NO_CAPABILITY = INTERFACES | {"management", "embedded", "demo"}
TRAINING = "search.encoders.demo"  # has no face: it loads torch, and only its command needs it
IMAGES = ROOT / "assetbank" / "media" / "images.py"
OPENS_OWN_FILES = {  # which the library encoded itself
    "search.query.embedding",  # thumbnails of search images
    "search.indexing.pipeline",  # renditions for encoders
}


def modules() -> list[Path]:
    """Return every module of the apps, except migrations."""
    return [
        path
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in path.parts
    ]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def name_of(path: Path) -> str:
    """Return the dotted name of a module or package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def capabilities() -> dict[str, Path]:
    """Return the face of every capability package, nested ones included, by its dotted name."""
    return {
        name_of(face): face
        for app in APPS
        for face in sorted((ROOT / app).glob("*/**/__init__.py"))
        if not NO_CAPABILITY & {*face.relative_to(ROOT).parts}
    }


def package_of(module: str, faces: Collection[str]) -> str:
    """Return the innermost capability that a module belongs to; "" if none."""
    return max((each for each in faces if f"{module}.".startswith(f"{each}.")), key=len, default="")


def imports(path: Path) -> Iterator[tuple[str, ast.ImportFrom]]:
    """Yield each `from … import` of a module, late ones included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node


def exported(face: Path) -> set[str]:
    """Return the names in `__all__`."""
    for node in tree(face).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def test_the_capabilities_are_found() -> None:
    assert {"assetbank.assets", "search.query", "generation.pipeline"} <= capabilities().keys()


def test_a_folder_holds_at_most_twelve_modules() -> None:
    folders = {path.parent for path in modules()} - {ROOT / app for app in APPS}
    counts = {
        str(folder.relative_to(ROOT)): len(set(folder.glob("*.py")) - {folder / "__init__.py"})
        for folder in folders
        if folder.name not in INTERFACES
    }
    assert {folder: n for folder, n in counts.items() if n > MAX_MODULES} == {}


def test_a_file_has_at_most_300_lines() -> None:
    lines = {name_of(path): len(path.read_text().splitlines()) for path in modules()}
    assert {name: n for name, n in lines.items() if n > MAX_LINES} == {}


def test_a_function_has_at_most_40_lines() -> None:
    long = {
        f"{name_of(path)}.{node.name}": node.end_lineno - node.lineno + 1
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno
    }
    assert {name: n for name, n in long.items() if n > MAX_FUNCTION_LINES} == {}


@pytest.mark.parametrize("app", APPS)
def test_an_app_is_loaded_without_its_models(app: str) -> None:
    """Django imports the package of an app before its models."""
    assert (ROOT / app / "__init__.py").read_text() == ""


@pytest.mark.parametrize("package", capabilities())
def test_a_face_is_short_and_says_what_others_may_use(package: str) -> None:
    face = capabilities()[package]
    assert len(face.read_text().splitlines()) <= MAX_FACE_LINES
    assert ast.get_docstring(tree(face))
    assert exported(face)
    defined = [n for n in tree(face).body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    assert not defined, "code belongs into a module of the package"


def test_a_package_is_used_through_its_face_only() -> None:
    faces = capabilities()
    past: list[str] = []
    for path in modules():
        own = name_of(path)
        for module, node in imports(path):
            package = package_of(module, faces)
            if not package or f"{own}.".startswith(f"{package}.") or module.startswith(TRAINING):
                continue
            if module != package:
                past.append(f"{own} imports {module}")
            past += [
                f"{own} imports {name.name} of {package}"
                for name in node.names
                if module == package and name.name not in exported(faces[package])
            ]
    assert past == []


def test_what_a_face_offers_is_used() -> None:
    """By another package, by tests or by an old migration; else it is not part of the face."""
    history = "".join(path.read_text() for path in ROOT.glob("*/migrations/*.py"))
    used = {
        (module, name.name)
        for path in [*modules(), *sorted((ROOT / "tests").rglob("*.py"))]
        for module, node in imports(path)
        for name in node.names
        if not name_of(path).startswith(f"{module}.") and name_of(path) != module
    }
    offered = {
        (package, name) for package, face in capabilities().items() for name in exported(face)
    }
    unused = sorted(offered - used)
    assert [each for each in unused if ".".join(each) not in history] == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Late imports and those for type checkers are included."""
    graph = grimp.build_graph(*APPS, cache_dir=None)
    TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    ).prepare()  # raises CycleError, which names the modules


def test_no_code_is_named_by_a_string() -> None:
    """Neither mypy nor import-linter sees such an import: use assetbank.hooks."""
    named = [
        name_of(path)
        for path in modules()
        if "import_string" in path.read_text() or "import_module" in path.read_text()
    ]
    assert named == []


def test_foreign_bytes_are_decoded_in_child_processes_only() -> None:
    """Outside `assetbank.media`, the functions of `images` that decode are those of `decoder`."""
    decoding = {each.name for each in ast.walk(tree(IMAGES)) if isinstance(each, ast.FunctionDef)}
    direct = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules()
        if IMAGES.parent not in path.parents
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and (owner := ast.unparse(node.value)) in {"images", "Image"}
        and node.attr in (decoding if owner == "images" else {"open"})
    ]
    assert [place for place in direct if place.partition(":")[0] not in OPENS_OWN_FILES] == []
    assert len(direct) <= len(OPENS_OWN_FILES)


def test_every_task_has_an_explicit_name() -> None:
    """Queued jobs name their task: the name stays when the function is renamed."""
    tasks = [
        (f"{name_of(path)}:{node.lineno}", {keyword.arg for keyword in node.keywords})
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "app.task"
    ]
    assert len(tasks) > len(APPS)
    assert [place for place, arguments in tasks if "name" not in arguments] == []
