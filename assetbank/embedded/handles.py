"""Handles: each process that uses an embedded server holds a shared file lock.

The operating system releases the lock however the process ends. The last process to exit normally
stops the server.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

_held: dict[Path, tuple[int, IO[str]]] = {}


@contextlib.contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Hold the exclusive lock under which a process starts, stops or looks for the server."""
    with _lock_file(folder, "start").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hold(folder: Path, stop: Callable[[], None]) -> None:
    """Register this process as a user of the server of `folder` until it ends.

    Must be called under `exclusive_lock`. `stop` is called at exit if no other process holds a
    handle.
    """
    pid, _ = _held.get(folder, (0, None))
    if pid == os.getpid():
        return
    handle = _lock_file(folder, "users").open("w")
    fcntl.flock(handle, fcntl.LOCK_SH)
    _held[folder] = (os.getpid(), handle)
    atexit.register(_release, folder, stop)


def _release(folder: Path, stop: Callable[[], None]) -> None:
    pid, handle = _held.get(folder, (0, None))
    if pid != os.getpid() or handle is None:
        return  # a forked child does not release its parent's handle
    with contextlib.suppress(OSError), exclusive_lock(folder), handle:
        del _held[folder]
        with contextlib.suppress(BlockingIOError):  # another process still uses the server
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop()


def _lock_file(folder: Path, purpose: str) -> Path:
    """Return the path of a lock file next to the folder: its content belongs to the server."""
    return folder.with_name(f".{folder.name}.{purpose}")
