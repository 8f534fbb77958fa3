"""A run of the tests that is ended from outside leaves no server, process or folder behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from tests.support.processes import ROOT, wait_until
from tests.support.watchdog import LOCK, PREFIX, clear, clear_stale

pytestmark = pytest.mark.processes

SERVERS = """
import time
from pathlib import Path

from django.conf import settings
from django.db import connection

from assetbank.embedded import milvus


def test_servers_run(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    milvus.ensure_running(settings.DATA_DIR / "milvus")
    Path("{ready}").touch()
    time.sleep(600)
"""


class Run:
    """A run of the tests in a process group of its own, in the middle of its only test."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir()
        folder.chmod(0o755)
        ready, test = folder / "ready", folder / "test_servers.py"
        test.write_text(SERVERS.replace("{ready}", str(ready)))
        (folder / "conftest.py").write_text("from tests.conftest import django_db_setup\n")
        kept = {name: text for name, text in os.environ.items() if not name.startswith("ASSETBANK")}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        command += ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}", *options, str(test)]
        with (folder / "output").open("w") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**kept, "TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until(lambda: ready.exists() or self.process.poll() is not None, "it is at work")
        assert ready.exists(), (folder / "output").read_text()
        names = {process.name() for process in self.processes()}
        assert {"postgres", "milvus-lite"} <= names, names

    def processes(self) -> list[psutil.Process]:
        """All that have a run folder of this run in their command or environment."""
        found = []
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), *process.environ().values()]
            except psutil.Error:
                continue
            if any(f"{self.folder}/{PREFIX}" in word for word in words):
                found.append(process)
        return found

    def worker(self) -> psutil.Process:
        """The process that runs the test."""
        children = psutil.Process(self.process.pid).children()
        (worker,) = (child for child in children if "watchdog" not in " ".join(child.cmdline()))
        return worker

    def leaves_nothing(self, seconds: float = 20) -> None:
        wait_until(lambda: not self.processes(), "all processes have ended", seconds=seconds)
        wait_until(lambda: not [*self.folder.glob(f"{PREFIX}*")], "no folder is left", seconds=5)
        self.process.wait(5)


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(settings.DATA_DIR) / f"another-{os.getpid()}"  # the folder is that of all workers
    yield folder
    clear(folder)


def test_ctrl_c_leaves_nothing(folder: Path) -> None:
    run = Run(folder)
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does it
    run.leaves_nothing()


def test_a_run_with_workers_that_is_killed_leaves_nothing(folder: Path) -> None:
    run = Run(folder, "-n", "1")
    run.process.kill()
    run.leaves_nothing()


def test_a_run_whose_worker_is_killed_leaves_nothing(folder: Path) -> None:
    run = Run(folder, "-n", "1", "--maxfail=1")
    run.worker().kill()
    run.leaves_nothing()


def test_the_next_run_clears_what_one_left_whose_watchdog_was_killed_too(tmp_path: Path) -> None:
    left, used = tmp_path / f"{PREFIX}left", tmp_path / f"{PREFIX}used"
    for folder in (left, used):
        folder.mkdir()
        (folder / LOCK).touch()
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    lasting = [subprocess.Popen([*sleep, str(folder)]) for folder in (left, used)]
    with (used / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clear_stale(tmp_path)
    assert not left.exists()
    assert (used / LOCK).exists()
    assert lasting[0].wait(5) == -signal.SIGTERM
    assert lasting[1].poll() is None
    clear(used)
    assert lasting[1].wait(5) == -signal.SIGTERM
