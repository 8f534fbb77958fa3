"""Who uses an embedded server: each process holds a shared lock, which the system takes back
however the process ends. The one that ends last and orderly stops the server."""

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
def exclusively(folder: Path) -> Iterator[None]:
    """One process at a time starts, stops or looks for the server of `folder`."""
    with _lock_file(folder, "start").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hold(folder: Path, stop: Callable[[], None]) -> None:
    """From now until it ends, this process uses the server of `folder`; call it `exclusively`."""
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
        return  # a forked child leaves its parent's handle alone
    with contextlib.suppress(OSError), exclusively(folder), handle:
        del _held[folder]
        with contextlib.suppress(BlockingIOError):  # somebody else still uses the server
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop()


def _lock_file(folder: Path, what: str) -> Path:
    """Beside the folder: what is inside belongs to the server."""
    return folder.with_name(f".{folder.name}.{what}")
