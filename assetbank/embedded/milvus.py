"""The embedded Milvus Lite: one server process on loopback, shared by web server and workers."""

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
    """Return the URI of the server on `folder`; start the server unless it runs.

    Each process holds a handle until it ends, however it ends; the last one to exit normally stops
    the server. Raises EmbeddedError with a sentence.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with handles.exclusive_lock(folder):
            handles.hold(folder, partial(_stop, folder))
            state = _running(folder) or _start(folder)
    except OSError as error:
        raise EmbeddedError(f"The embedded Milvus cannot use {folder}: {error}.") from error
    return f"http://127.0.0.1:{state['port']}"


def server_pid(folder: Path) -> int | None:
    """Return the process id of the running server, if there is one."""
    state = _running(folder)
    return state["pid"] if state else None


def _stop(folder: Path) -> None:
    if state := _running(folder):
        os.kill(state["pid"], signal.SIGTERM)  # its log is replayed at the next start
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            psutil.Process(state["pid"]).wait(5)


def _running(folder: Path) -> dict[str, int] | None:
    """Return `pid` and `port` of the server that runs on the folder and accepts connections."""
    try:
        state: dict[str, int] = json.loads((folder / "server.json").read_text())
        command = psutil.Process(state["pid"]).cmdline()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    if str(folder / "data") not in command or not _accepts_connections(state["port"]):
        return None
    return state


def _accepts_connections(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(folder: Path) -> dict[str, int]:
    _stop_orphans(folder)
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
            start_new_session=True,  # Ctrl-C in a terminal must not stop it: the last process does
            # small tables in memory: searching rows that are not flushed is very slow
            env={**os.environ, "MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES": "8000000"},
        )
    deadline = time.monotonic() + START_SECONDS
    while not _accepts_connections(port):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise EmbeddedError(f"The embedded Milvus did not start; see {folder / 'log'}.")
        time.sleep(0.05)
    state = {"pid": process.pid, "port": port}
    (folder / "server.json").write_text(json.dumps(state))
    return state


def _stop_orphans(folder: Path) -> None:
    """Stop servers on the folder that are not in server.json, because they still lock its data.

    The process that started one was killed before it could write the file.
    """
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "server" in command and str(folder / "data") in command:
            process.terminate()
            with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process.wait(5)
