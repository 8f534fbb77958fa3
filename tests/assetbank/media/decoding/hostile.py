"""A decoder whose jobs misbehave as one that a file has taken over might: `python -m` runs it."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from pathlib import Path

from assetbank.media.decode import count_pixels
from assetbank.media.decoding import Job, serve
from assetbank.media.decoding.requests import DONE

MAX = 2**20


def abort(data: bytes) -> int:
    os.abort()


def allocate(data: bytes) -> int:
    hoard = []
    while True:
        hoard.append(bytearray(2**24))


def spin(data: bytes) -> int:
    while True:
        pass


def sleep(data: bytes) -> int:
    time.sleep(3600)
    return 0


def nap(data: bytes, *, milliseconds: int) -> int:
    time.sleep(milliseconds / 1000)
    return os.getpid()


def attempt(data: bytes, *, path: str, port: int, outsider: int) -> dict[str, str]:
    """Return what comes of each attempt to leave the sandbox: the error's name, or "done"."""
    libc = ctypes.CDLL(None, use_errno=True)
    attempts = {
        "open a file": lambda: open(path).close(),
        "write a file": lambda: Path("/tmp/decoder-was-here").write_text("x"),
        "list a folder": lambda: os.listdir("/"),
        "read its parent": lambda: open(f"/proc/{os.getppid()}/environ").close(),
        "connect": lambda: socket.create_connection(("127.0.0.1", port), 2).close(),
        "open a local socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "fork": os.fork,
        "run a program": lambda: os.execv("/bin/true", ["true"]),
        "kill another": lambda: os.kill(outsider, signal.SIGTERM),
        "lift a limit": lambda: _unlimited(),
        "be traced": lambda: _checked(libc.ptrace(0, 0, 0, 0)),
    }
    return {name: _outcome(step) for name, step in attempts.items()}


def _unlimited() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _checked(result: int) -> None:
    if result < 0:
        raise PermissionError


def _outcome(step: object) -> str:
    try:
        step()  # type: ignore[operator]
    except (OSError, ValueError) as error:
        return type(error).__name__
    return "done"


def write_much(data: bytes) -> bytes:
    return bytes(2 * MAX)


def lie(data: bytes, *, how: str) -> int:
    """Write to the socket what no decoder writes, and wait."""
    sent = {
        "announce too much": DONE + b"\xff" * 12,
        "announce text": DONE + (2**31).to_bytes(4, "big") + bytes(8),
        "send no JSON": DONE + (4).to_bytes(4, "big") + bytes(8) + b"oops",
        "send another type": DONE + (6).to_bytes(4, "big") + bytes(8) + b'"four"',
        "nest": DONE + (200_000).to_bytes(4, "big") + bytes(8) + b"[" * 200_000,
        "send another kind": b"?",
        "end": b"",
    }[how]
    descriptor = int(sys.argv[1])
    while sent:
        sent = sent[os.write(descriptor, sent) :]
    if how == "end":
        os._exit(0)
    time.sleep(3600)
    return 0


def environment(data: bytes) -> dict[str, str]:
    return dict(os.environ)


JOBS = {
    "abort": Job(abort, int, MAX),
    "allocate": Job(allocate, int, MAX),
    "spin": Job(spin, int, MAX),
    "sleep": Job(sleep, int, MAX),
    "nap": Job(nap, int, MAX),
    "nap of its size": Job(nap, int, MAX, lambda data: int(data)),
    "attempt": Job(attempt, dict[str, str], MAX),
    "write much": Job(write_much, bytes, MAX),
    "lie": Job(lie, int, MAX),
    "environment": Job(environment, dict[str, str], MAX),
    "count": Job(lambda data: len(data), int, MAX, count_pixels),
}

if __name__ == "__main__":
    serve(JOBS)
