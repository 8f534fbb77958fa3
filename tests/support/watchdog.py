"""Ends and removes what a test run left, however the run ended: also by Ctrl-C or kill -9.

    python tests/support/watchdog.py PID FOLDER LOCK

`PID` is the process that called this one, and `LOCK` the number of an open file that holds the lock
of `FOLDER`. A run folder whose lock nobody holds belongs to no run: its watchdog was killed, too.
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

PREFIX = "assetbank-test-"  # of the names of run folders
LOCK = "watched"
TERMINATE_SECONDS = 5.0  # until a process that does not end is killed


def watch(folder: Path) -> None:
    """Start the watchdog of this process's run folder."""
    with (folder / f"{LOCK}-soon").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(lock.name).rename(folder / LOCK)  # nobody finds it while it is not locked
        command = [sys.executable, __file__, str(os.getpid()), str(folder), str(lock.fileno())]
        subprocess.Popen(
            command,
            pass_fds=[lock.fileno()],  # the lock is held as long as the watchdog lives
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is not for it
        )


def main(run: int, folder: Path) -> None:
    clear_stale(folder.parent)
    # Neither a pipe nor a lock would do: children that the run forked keep both open
    while os.getppid() == run:
        time.sleep(0.2)
    clear(folder)


def clear_stale(parent: Path) -> None:
    """Clear the run folders in `parent` whose watchdogs were killed."""
    for path in parent.glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), path.open() as lock:  # held, or somebody else's
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            clear(path.parent)


def clear(folder: Path) -> None:
    """End the processes that work in `folder`, and remove it."""
    deadline = time.monotonic() + TERMINATE_SECONDS
    told: set[psutil.Process] = set()
    while found := {process for process in psutil.process_iter() if _works_in(process, folder)}:
        late = time.monotonic() > deadline
        for process in found if late else found - told:
            with contextlib.suppress(psutil.Error):
                process.kill() if late else process.send_signal(_farewell(process))
        told |= found
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


def _farewell(process: psutil.Process) -> signal.Signals:
    """PostgreSQL would write all it has to the disk first, for seconds."""
    return signal.SIGQUIT if process.name() == "postgres" else signal.SIGTERM


def _works_in(process: psutil.Process, folder: Path) -> bool:
    """Whether its command or its environment names the folder or something in it. A process that
    has ended and was not waited for has neither."""
    if process.pid == os.getpid():
        return False
    try:
        words = [*process.cmdline(), *process.environ().values()]
    except psutil.Error:
        return False
    return any(str(folder) in word for word in words)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
