"""The decoder: a process that decodes one file after another, and can do nothing else."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

from django.conf import settings

from assetbank.errors import PictureDamaged, PictureRefused, PictureTooLarge
from assetbank.media.decoding import sandbox, wire
from assetbank.media.decoding.requests import (
    DONE,
    GO,
    MAX_REQUEST,
    REFUSED,
    Job,
    Ready,
    Refusal,
    Request,
    Size,
    Start,
)

SPARE_SECONDS = 5  # the parent measures first, and states the reason
MAX_SENTENCE = 500


def serve(jobs: Mapping[str, Job]) -> None:
    """Answer requests until the other end of the socket is closed.

    The arguments of the process are the descriptor of the socket and the parent's process id.
    """
    sandbox.die_with_parent(int(sys.argv[2]))
    connection = socket.socket(fileno=int(sys.argv[1]))
    start: Start = wire.unpack(Start, *_receive(connection)[0])
    # Image functions read this setting; there are no others here, and no secrets
    settings.configure(MAX_PIXELS=start.max_pixels)
    ready = Ready(sandbox.enter(memory=start.memory))
    _silence()
    _send(connection, wire.pack(ready))
    while True:
        message, descriptors = _receive(connection)
        _answer(connection, jobs, wire.unpack(Request, *message), descriptors[0])


def _answer(
    connection: socket.socket, jobs: Mapping[str, Job], request: Request, descriptor: int
) -> None:
    job = jobs[request.job]
    sandbox.limit_cpu(request.seconds + SPARE_SECONDS)
    data = b""
    try:
        data = _read(descriptor)
        pixels = job.count_pixels(data) if job.count_pixels else 0
    except MemoryError:
        pixels = 0
    _send(connection, wire.pack(Size(pixels)))
    if _receive_exactly(connection, 1) != GO:
        return
    try:
        result = job.function(data, **request.numbers, **request.texts, **request.raw)
        answer = [DONE, *wire.pack(result)]
    except Exception as error:
        answer = [REFUSED, *wire.pack(_refusal(error))]
    _send(connection, answer)


def _refusal(error: Exception) -> Refusal:
    """Return the refusal for what a job raised."""
    if isinstance(error, MemoryError):
        error = PictureTooLarge("This image needs more memory than is available.")
    elif not isinstance(error, PictureRefused):  # decoders raise nearly anything
        error = PictureDamaged(f"This image is damaged: {error}.")
    return Refusal(type(error).__name__, error.message[:MAX_SENTENCE])


def _read(descriptor: int) -> bytes:
    try:
        size = os.fstat(descriptor).st_size
        data = os.pread(descriptor, size, 0)
        while len(data) < size:  # the kernel reads at most 2 GB at once
            data += os.pread(descriptor, size - len(data), len(data))
        return data
    finally:
        os.close(descriptor)


def _silence() -> None:
    """Discard what libraries print about files: there may be megabytes of it."""
    for descriptor in (1, 2):
        os.dup2(0, descriptor)  # standard input is the null device


def _send(connection: socket.socket, pieces: list[bytes]) -> None:
    for piece in pieces:
        connection.sendall(piece)


def _receive(connection: socket.socket) -> tuple[tuple[bytes, bytes], list[int]]:
    """Return the next message, and the descriptors that came with its first bytes."""
    head, descriptors, _, _ = socket.recv_fds(connection, wire.HEAD.size, 1)
    if not head:
        os._exit(0)
    head += _receive_exactly(connection, wire.HEAD.size - len(head))
    text, raw = wire.unpack_head(head, max_raw=MAX_REQUEST)
    return (_receive_exactly(connection, text), _receive_exactly(connection, raw)), descriptors


def _receive_exactly(connection: socket.socket, length: int) -> bytes:
    """Return so many bytes; end this process if the parent has closed the socket."""
    received = bytearray()
    while len(received) < length:
        piece = connection.recv(min(length - len(received), 2**20))
        if not piece:
            os._exit(0)
        received += piece
    return bytes(received)
