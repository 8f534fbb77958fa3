"""A real Milvus server for tests and benchmarks: the one that the package `milvus` contains.

    with milvus_server.running(folder) as uri: ...

or the fixture `either_milvus`, which a test module imports together with `real_server`.

All processes that use the same folder share one server. It stops, and removes the folder, after
the last of them has ended, even if it was killed: each holds a lock that the system releases.

The server always opens its ports on every interface. So it gets a network of its own where the
system allows it (Linux user namespaces), and is reached through a Unix socket.
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
SOCKET = (
    "socket:1"  # pymilvus requires a port after the path, and gRPC takes it as a part of the name
)
UNSHARE = ["unshare", "--map-root-user", "--net", "--mount"]  # Own network and mounts


class NoServer(Exception):
    """The server is not installed or does not start; the message is the reason."""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """Yield the address of the server with its data in `folder`; start it if necessary. Raises
    NoServer."""
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
    if subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0:
        command = [*UNSHARE, *command]
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
    """Yield the address of the server that the workers of a test run share; skip the test without
    one."""
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(running(Path(settings.DATA_DIR) / "milvus-server"))
        except NoServer as reason:
            pytest.skip(f"No real Milvus server: {reason}.")


@pytest.fixture(scope="module", params=["lite", "server"])
def either_milvus(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run each test with Milvus Lite and with the server, in collections of its module; yield the
    URI, "" for Lite."""
    from search.vectorstore import connection, store

    uri = request.getfixturevalue("real_server") if request.param == "server" else ""
    with override_settings(MILVUS_URI=uri, MILVUS_PREFIX=f"t{uuid.uuid4().hex[:12]}"):
        connection.reset()
        yield request.param
        connection.reset()
        store.drop_others(keep=[])
    connection.reset()


# ------------------------------------------------------------------------ server process


def main(folder: Path) -> None:
    """Run the server until no process uses it, then remove `folder`."""
    package = importlib.import_module("milvus")  # It has no types
    if "--map-root-user" in UNSHARE and not _has_network():
        _bring_loopback_up()
        # It writes its process id to /run, as if there were one server per machine
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
    """Relay between the Unix socket and the server, until no process uses it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))

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
