"""The embedded Milvus Lite: one server process on loopback that web and workers share."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil

from assetbank.embedded import EmbeddedError, handles

START_SECONDS = 60.0


def ensure_running(folder: Path) -> str:
    """Start the server on `folder`, or share the one that runs; return its URI.

    Every process that asked holds a shared lock until it ends, whichever way it ends; the one that
    ends last and orderly stops the server. Raises EmbeddedError with a sentence.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with handles.exclusively(folder):
            handles.hold(folder, partial(_stop, folder))
            state = _running(folder) or _start(folder)
    except OSError as error:
        raise EmbeddedError(f"The embedded Milvus cannot use {folder}: {error}.") from error
    return f"http://127.0.0.1:{state['port']}"


def server_pid(folder: Path) -> int | None:
    state = _running(folder)
    return state["pid"] if state else None


def _stop(folder: Path) -> None:
    if state := _running(folder):
        os.kill(state["pid"], signal.SIGTERM)  # its log is replayed at the next start
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            psutil.Process(state["pid"]).wait(5)


def _running(folder: Path) -> dict[str, int] | None:
    try:
        state: dict[str, int] = json.loads((folder / "server.json").read_text())
        command = psutil.Process(state["pid"]).cmdline()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    if str(folder / "data") not in command or not _answers(state["port"]):
        return None
    return state


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(folder: Path) -> dict[str, int]:
    _end_orphans(folder)
    port = _free_port()
    program = shutil.which("milvus-lite", path=str(Path(sys.executable).parent)) or "milvus-lite"
    # With more than one worker, Milvus Lite 3.2 loses rows that it has acknowledged
    options = f"--max-workers=1 --host=127.0.0.1 --port={port}".split()
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
            [program, "server", "--data-dir", str(folder / "data"), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is not for it: the last user stops it
            # small in-memory tables: rows not yet flushed are searched very slowly
            env={**os.environ, "MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES": "8000000"},
        )
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise EmbeddedError(f"The embedded Milvus did not start; see {folder / 'log'}.")
        time.sleep(0.05)
    state = {"pid": process.pid, "port": port}
    (folder / "server.json").write_text(json.dumps(state))
    return state


def _end_orphans(folder: Path) -> None:
    """A server whose starter was killed before it wrote server.json still locks the data."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "server" in command and str(folder / "data") in command:
            process.terminate()
            with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process.wait(5)
