"""A real Milvus server for tests and measurements: the one that the package `milvus` ships.

    with milvus_server.running(folder) as uri: ...

or the fixture `either_milvus`, which a test module imports together with `real_server`.

All who ask for the same folder share one server. It ends, and removes the folder, when the last of
them is gone, whichever way that went: each holds a lock that the system takes back.

The server opens its ports on every interface and knows no other way. So it gets a network of its
own where the system lets us (Linux user namespaces), and is reached through a Unix socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib
import importlib.util
import shutil
import socket
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

START_SECONDS = 150.0
ROOT = Path(__file__).resolve().parents[2]
SOCKET = "socket:1"  # pymilvus wants a port behind the path, and gRPC takes it for part of the name
ALONE = ["unshare", "--map-root-user", "--net", "--mount"]  # a network and mounts of its own


class NoServer(Exception):
    """It is not installed or does not start; the message is the reason."""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of the server that keeps its data in `folder`. Raises NoServer."""
    if importlib.util.find_spec("milvus") is None:
        raise NoServer("the package milvus is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users, (folder / "starting").open("w") as starting:
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not _answers(folder / SOCKET):
            _start(folder)
        fcntl.flock(starting, fcntl.LOCK_UN)
        yield f"unix:{folder / SOCKET}"


def _start(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.support.milvus_server", str(folder)]
    if subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0:
        command = [*ALONE, *command]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    deadline = time.monotonic() + START_SECONDS
    while not _answers(folder / SOCKET):
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            last = (folder / "log").read_text().strip().splitlines()[-1:]
            raise NoServer(f"the server of the package milvus does not start: {last}")
        time.sleep(0.1)


def _answers(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        return True
    return False


@pytest.fixture(scope="session")
def real_server() -> Iterator[str]:
    """Its address. Shared by the workers of a test run."""
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(running(Path(settings.DATA_DIR) / "milvus-server"))
        except NoServer as reason:
            pytest.skip(f"No real Milvus server: {reason}.")


@pytest.fixture(scope="module", params=["lite", "server"])
def either_milvus(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test runs on Milvus Lite and on the server, among collections of its module."""
    from search.vectorstore import connection, store

    uri = request.getfixturevalue("real_server") if request.param == "server" else ""
    with override_settings(MILVUS_URI=uri, MILVUS_PREFIX=f"t{uuid.uuid4().hex[:12]}"):
        connection.reset()
        yield request.param
        connection.reset()
        store.drop_others(keep=[])
    connection.reset()


# ------------------------------------------------------------------------ in its own process


def main(folder: Path) -> None:
    package = importlib.import_module("milvus")  # without types
    if "--map-root-user" in ALONE and not _has_network():
        _bring_loopback_up()
        # it writes its process id to /run, as if there were one server per machine
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    server = package.MilvusServer(package.MilvusServerConfig())
    server.set_base_dir(str(folder / "server"))
    try:
        server.start()
        asyncio.run(_relay(folder, server.listen_port))
    finally:
        server.server_proc.kill()
        server.server_proc.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _has_network() -> bool:
    return any(name != "lo" for _, name in socket.if_nameindex())


def _bring_loopback_up() -> None:
    set_flags, up = 0x8914, 0x1 | 0x40  # SIOCSIFFLAGS; IFF_UP, IFF_RUNNING
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", up))


async def _relay(folder: Path, port: int) -> None:
    """Between the Unix socket and the server, until nobody uses it any more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))

    async with await asyncio.start_unix_server(serve, folder / SOCKET, limit=2**20):
        with (folder / "users").open() as users:
            while True:
                await asyncio.sleep(0.5)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(2**20):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
