"""A library in a temporary folder, with real processes that tests may kill."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
from django.conf import settings
from django.db import connection

from tests.support import database
from tests.support.process_environment import process_environment

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = "import django; django.setup()\n"


class House:
    """One data folder, the processes that work in it, and their output.

    With `migrated`, it starts with the database of an empty library; otherwise without any. The
    other keyword arguments are settings.
    """

    allowed = False  # True if the running test is marked `processes`

    def __init__(self, *, migrated: bool = False, **changes: str) -> None:
        assert self.allowed, "a test that starts processes is marked `processes`"
        run = settings.DATA_DIR  # Its remains are removed with the run
        self.folder = Path(tempfile.mkdtemp(prefix="house-", dir=run)).resolve()
        self.folder.chmod(0o755)  # As root, PostgreSQL runs as a user of its own
        if migrated:
            database.install(self.folder / "postgres")
        self.environment = process_environment(DATA_DIR=str(self.folder), CLIP_MODEL="demo")
        self.environment.update(changes)
        self._outputs = Path(tempfile.mkdtemp(prefix="output-", dir=run))
        self._started: list[Running] = []
        self._connection: psycopg.Connection | None = None

    def start(self, *command: str, **changes: str) -> Running:
        """Start `manage.py` with these arguments in the background, in its own process group."""
        return self._start([sys.executable, "manage.py", *command], changes)

    def start_script(self, script: str, **changes: str) -> Running:
        """Start Python code in the background, with Django set up."""
        return self._start([sys.executable, "-c", PRELUDE + script], changes)

    def manage(self, *command: str, **changes: str) -> Ended:
        """Run `manage.py` with these arguments, and wait for its end."""
        return self.start(*command, **changes).ended()

    def script(self, script: str, **changes: str) -> str:
        """Run Python code, which must succeed, and return its output."""
        done = self.start_script(script, **changes).ended()
        assert done.code == 0, done.output
        return done.output

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the running PostgreSQL, without being counted among the processes that keep it
        running."""
        if self._connection is None or self._connection.closed:
            info = (self.folder / "postgres" / "postmaster.pid").read_text().splitlines()
            address = f"host={info[4]} user=postgres dbname=assetbank"
            self._connection = psycopg.connect(address, autocommit=True)
        cursor = self._connection.execute(sql.encode())
        return list(cursor.fetchall()) if cursor.description else []

    def number(self, sql: str) -> int:
        """Return the number that `sql` selects."""
        return int(self.query(sql)[0][0])

    def processes(self) -> list[psutil.Process]:
        """Return the processes that have the folder in their command or as their DATA_DIR."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def postgres_servers(self) -> list[psutil.Process]:
        """Return the servers of this folder, without their own children."""
        folder = str(self.folder / "postgres")
        found = [
            process
            for process in self.processes()
            if command_of(process)[0].endswith("/postgres")  # Not initdb, which has the folder, too
            and command_of(process)[1:3] == ["-D", folder]
        ]
        # A child that was just forked still has the command line of its server
        servers = {process.pid for process in found}
        return [process for process in found if parent_of(process) not in servers]

    def milvus_servers(self) -> list[psutil.Process]:
        data = str(self.folder / "milvus" / "data")
        return [process for process in self.processes() if data in command_of(process)]

    def close(self) -> None:
        """Terminate the remaining processes, kill them after 5 s, and remove the folder."""
        if self._connection:
            self._connection.close()
        with contextlib.suppress(psutil.Error):
            for running in self._started:
                running.kill()
            remaining = self.processes()
            for process in remaining:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.terminate()
            for process in psutil.wait_procs(remaining, timeout=5)[1]:
                process.kill()
        for folder in (self.folder, self._outputs):
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> House:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, command: list[str], changes: dict[str, str]) -> Running:
        output = self._outputs / f"{len(self._started)}.log"
        running = Running(command, {**self.environment, **changes}, output)
        self._started.append(running)
        return running

    def _owns(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            if any(str(self.folder) in word for word in process.cmdline()):
                return True
            return bool(process.environ().get("DATA_DIR") == str(self.folder))
        except psutil.Error:
            return False


class Ended:
    """The exit status and the output of a process."""

    def __init__(self, code: int, output: str) -> None:
        self.code, self.output = code, output


class Running:
    """A process and the file that its output goes to."""

    def __init__(self, command: list[str], environment: dict[str, str], output: Path) -> None:
        self._output = output
        with output.open("w") as file:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def interrupt(self) -> None:
        """Send SIGINT, as Ctrl-C does, to the process alone."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Send SIGKILL to the process alone, and wait for its end."""
        self._process.kill()
        self._process.wait()

    def ended(self, timeout: float = 90) -> Ended:
        """Wait until it ends; kill it, and fail, after `timeout` seconds."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end in {timeout} s:\n{self.output}") from None
        return Ended(code, self.output)


def kill(process: psutil.Process) -> None:
    """Send SIGKILL, and wait until the process is dead or a zombie."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
        dead = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
        wait_until(lambda: not process.is_running() or process.status() in dead, "it is dead")


def parent_of(process: psutil.Process) -> int | None:
    """Return the process id of the parent; None if the process has ended."""
    try:
        return int(process.ppid())
    except psutil.Error:
        return None


def command_of(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline()) or [""]
    except psutil.Error:
        return [""]


def wait_until(
    true: Callable[[], object], what: str, *, seconds: float = 60, every: float = 0.2
) -> None:
    """Return as soon as `true` returns a true value; fail after `seconds`, with `what` and the last
    error."""
    deadline, last_error = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            if true():
                return
            last_error = ""
        except (psycopg.Error, OSError, IndexError) as error:
            last_error = f" ({error})"  # The service is restarting
        time.sleep(every)
    raise AssertionError(f"not within {seconds:g} s: {what}{last_error}")


def end_other_sessions() -> None:
    """Close the database sessions of other threads: threads of a command end with its process, but
    tests run commands in their own process."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """Yield a port on which this process listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield int(server.getsockname()[1])
