"""Watchdog: ends the processes of a test run and removes its folder, also after kill -9.

    python tests/support/watchdog.py PID FOLDER LOCK

`PID` is the parent process, and `LOCK` the number of an open file that holds the lock of `FOLDER`.
A run folder without a held lock belongs to no run: its watchdog was killed, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

PREFIX = "assetbank-test-"  # Of the names of run folders
LOCK = "watched"
TERMINATE_SECONDS = 5.0  # From SIGTERM until SIGKILL


def watch(folder: Path) -> None:
    """Start the watchdog of this process's run folder."""
    with (folder / f"{LOCK}-soon").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(lock.name).rename(folder / LOCK)  # So it is never found unlocked
        command = [sys.executable, __file__, str(os.getpid()), str(folder), str(lock.fileno())]
        subprocess.Popen(
            command,
            pass_fds=[lock.fileno()],  # The lock is held as long as the watchdog runs
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal does not reach it
        )


def main(run: int, folder: Path) -> None:
    """Wait until the process `run` ends, then clear `folder`."""
    clear_stale(folder.parent)
    # A pipe or a lock would not work: forked children of the run keep both open
    while os.getppid() == run:
        time.sleep(0.2)
    clear(folder)


def clear_stale(parent: Path) -> None:
    """Clear the run folders in `parent` whose watchdogs were killed."""
    for path in parent.glob(f"{PREFIX}*/{LOCK}"):
        # OSError: the lock is held, or the folder belongs to another user
        with contextlib.suppress(OSError), path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            clear(path.parent)


def clear(folder: Path) -> None:
    """End the processes that work in `folder`, and remove it."""
    deadline = time.monotonic() + TERMINATE_SECONDS
    signalled: set[psutil.Process] = set()
    while found := {process for process in psutil.process_iter() if _works_in(process, folder)}:
        is_late = time.monotonic() > deadline
        for process in found if is_late else found - signalled:
            with contextlib.suppress(psutil.Error):
                process.kill() if is_late else process.send_signal(_end_signal(process))
        signalled |= found
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


def _end_signal(process: psutil.Process) -> signal.Signals:
    """Return the signal that ends a process. PostgreSQL gets no SIGTERM: it would first write all
    data to the disk, for seconds."""
    return signal.SIGQUIT if process.name() == "postgres" else signal.SIGTERM


def _works_in(process: psutil.Process, folder: Path) -> bool:
    """Return True if the command or environment of a process names the folder or a path in it. A
    zombie has neither."""
    if process.pid == os.getpid():
        return False
    try:
        words = [*process.cmdline(), *process.environ().values()]
    except psutil.Error:
        return False
    return any(str(folder) in word for word in words)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
