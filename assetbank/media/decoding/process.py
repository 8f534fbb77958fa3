"""One decoder, as its parent sees it: starting, asking, measuring and ending it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from assetbank.media.decoding import wire
from assetbank.media.decoding.requests import (
    DONE,
    DROP,
    GO,
    REFUSED,
    Job,
    Ready,
    Refusal,
    Request,
    Size,
    Start,
)

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 60
LOOK_SECONDS = 0.2  # between two looks at the processor time
PIECE = 2**20
MAX_REFUSAL = 2**16
# Nothing of this process's environment, which has passwords. Libraries start no threads before the
# sandbox is entered; libvips keeps to memory; large blocks go back to the system when freed
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "VIPS_CONCURRENCY": "1",
    "VIPS_DISC_THRESHOLD": "1000g",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "4194304",
    "MALLOC_TRIM_THRESHOLD_": "33554432",
}


class DecoderGone(Exception):
    """The decoder has ended, or sends what it must not send."""


class DecoderLate(Exception):
    """The decoder used more time than it has; the message is a sentence."""


@dataclass(frozen=True)
class Allowance:
    """How long a file may take, in seconds: of the processor, and by the clock."""

    processor: int
    clock: float


class Decoder:
    """A decoder process and the socket to it. It answers one request at a time."""

    def __init__(self, module: str, start: Start) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and our own module
                [sys.executable, "-s", "-m", module, str(theirs.fileno()), str(os.getpid())],
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours
        self.served = 0
        self.idle_since = time.monotonic()
        self._deadline = time.monotonic() + START_SECONDS
        self._allowed = START_SECONDS
        self._cpu_end = float("inf")
        try:
            self._send(wire.pack(start))
            self.sandbox = self._message(Ready, max_raw=0).sandbox
            self.resident_at_start = self.resident
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def resident(self) -> int:
        """Bytes of memory in use; 0 where the system does not tell."""
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        return 0

    def ask(self, request: Request, descriptor: int, allowance: Allowance) -> int:
        """Hand over a file; return how many pixels it has.

        `proceed` or `drop` follow. Raises DecoderGone and DecoderLate.
        """
        self.served += 1
        self._allowed = allowance.processor
        self._deadline = time.monotonic() + allowance.clock
        self._cpu_end = self._cpu() + allowance.processor
        first, *rest = wire.pack(request)
        sent = 0
        while not sent:
            with self._watched():
                sent = socket.send_fds(self._socket, [first[:1]], [descriptor])
        self._send([first[1:], *rest])
        pixels: int = self._message(Size, max_raw=0).pixels
        return max(pixels, 0)

    def drop(self) -> None:
        """Let the decoder forget the request."""
        self._send([DROP])

    def proceed(self, job: Job) -> Any:
        """Return the job's result, or its Refusal. Raises DecoderGone and DecoderLate."""
        self._send([GO])
        kind = bytes(self._receive(1))
        if kind == REFUSED:
            return self._message(Refusal, max_raw=MAX_REFUSAL)
        if kind != DONE:
            raise DecoderGone("it sends what no decoder sends")
        return self._message(job.result, max_raw=job.max_result)

    def end(self) -> None:
        """Kill the process and wait for its end."""
        self._socket.close()
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def forget(self) -> None:
        """Close this copy of the socket: the process belongs to the parent of this one."""
        self._socket.close()
        self._process.returncode = 0

    def _message(self, kind: Any, *, max_raw: int) -> Any:
        try:
            head = bytes(self._receive(wire.HEAD.size))
            text, raw = wire.unpack_head(head, max_raw=max_raw)
            return wire.unpack(kind, bytes(self._receive(text)), self._receive(raw))
        except wire.WireError as error:
            raise DecoderGone(f"it sends {error}") from error

    def _send(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                with self._watched():
                    view = view[self._socket.send(view) :]

    def _receive(self, length: int) -> bytearray:
        received = bytearray()
        while len(received) < length:
            piece = b""
            with self._watched():
                piece = self._socket.recv(min(length - len(received), PIECE))
                if not piece:
                    self._raise_end()
            received += piece
        return received

    def _raise_end(self) -> None:
        status = self._process.wait(5)
        if status == -signal.SIGXCPU:
            raise DecoderLate("of the processor")
        raise DecoderGone(f"it ended with status {status}")

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Wait at most LOOK_SECONDS for the socket, then look at clock and processor time."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DecoderLate("by the clock")
        self._socket.settimeout(min(left, LOOK_SECONDS))
        try:
            yield
        except TimeoutError:
            if self._cpu() > self._cpu_end:
                raise DecoderLate("of the processor") from None
        except ConnectionError:  # it ended before it read everything
            self._raise_end()
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DecoderGone(f"{error}") from error

    def _cpu(self) -> float:
        """Return the seconds of processor time that the process has used; 0 if unknown."""
        if sys.platform != "linux":
            return 0.0  # the decoder's own limit ends it
        with contextlib.suppress(OSError):
            return time.clock_gettime((~self.pid << 3) | 2)  # the kernel's number of that clock
        return 0.0


@contextlib.contextmanager
def as_descriptor(data: bytes) -> Iterator[int]:
    """Yield a descriptor of a file in memory with these bytes."""
    with _memory_file() as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        if hasattr(fcntl, "F_ADD_SEALS"):  # the decoder may neither change it nor make it grow
            seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
            fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, seals | fcntl.F_SEAL_SEAL)
        yield file.fileno()


def _memory_file() -> IO[bytes]:
    if hasattr(os, "memfd_create"):
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        return os.fdopen(os.memfd_create("picture", flags), "wb", buffering=0)
    return tempfile.TemporaryFile(buffering=0)
