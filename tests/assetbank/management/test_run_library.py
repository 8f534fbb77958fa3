"""`make run` as a process: it serves, names the part in every log line, and ends completely."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest
import requests

from tests.support.processes import (
    House,
    Running,
    command_of,
    free_port,
    kill,
    taken_port,
    wait_until,
)

PARTS = ("web", "index", "generate", "milvus", "postgres", "system")
LINE = re.compile(rf"\d\d:\d\d:\d\d ({'|'.join(PARTS)}) +\| ")
READY = "Ctrl-C stops it."


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        yield house


@pytest.fixture
def library() -> Iterator[House]:
    """One whose database need not be made first."""
    with House(migrated=True) as library:
        yield library


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[House, int, Running]]:
    """A library that runs, its port and its process; the second of the two who use it ends it."""
    with House(migrated=True) as house:
        port = free_port()
        yield house, port, start(house, port)


Shared = tuple[House, int, Running]


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/api/v1/health/", timeout=9).status_code == 200
    except requests.RequestException:
        return False


def start(house: House, port: int) -> Running:
    running = house.start("run_library", "--no-demo", "--port", str(port))
    wait_until(lambda: answers(port) or not running.alive, "the library answers", seconds=90)
    assert running.alive, running.output
    return running


def workers(house: House) -> int:
    return house.number(
        "SELECT count(*) FROM procrastinate_workers "
        "WHERE last_heartbeat > now() - interval '1 minute'"
    )


def test_the_library_runs_until_ctrl_c_and_runs_again(house: House) -> None:
    port = free_port()
    first = start(house, port)
    wait_until(lambda: workers(house) == 2, "both workers are at work")
    said = first.output
    assert f"http://127.0.0.1:{port}/" in said
    log = said.split(READY, 1)[1].strip().splitlines()
    assert log
    assert [line for line in log if not LINE.match(line)] == []
    first.interrupt()
    ended = first.ended(15)
    assert ended.code == 0
    assert "Traceback" not in ended.output
    assert "SIGKILL" not in ended.output  # all parts ended before the time limit
    wait_until(lambda: not house.processes(), "nothing is left", seconds=5)

    second = start(house, port)
    os.killpg(second.pid, signal.SIGINT)  # as a terminal does
    assert second.ended(15).code == 0
    wait_until(lambda: not house.processes(), "nothing is left", seconds=5)


def test_a_port_that_is_taken_is_a_sentence(house: House) -> None:
    with taken_port() as port:
        done = house.manage("run_library", "--no-demo", "--port", str(port))
    assert done.code == 1
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in done.output
    assert "To use another port: make run PORT=8001." in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert house.processes() == []


@pytest.mark.parametrize("options", [("--port", "99999"), ("--host", "no.such.host.invalid")])
def test_an_address_that_cannot_be_is_a_sentence(house: House, options: tuple[str, str]) -> None:
    done = house.manage("run_library", "--no-demo", *options)
    assert done.code == 1
    assert done.output.startswith("CommandError: Cannot listen on ")
    assert len(done.output.strip().splitlines()) == 1


def test_a_data_folder_that_cannot_be_written_is_a_sentence(house: House) -> None:
    house.folder.rmdir()
    house.folder.write_text("in the way")
    done = house.manage("run_library", "--no-demo", "--port", str(free_port()))
    house.folder.unlink()
    assert done.code == 1
    assert "Traceback" not in done.output
    assert f"{house.folder} is not writable" in done.output


def test_one_library_at_a_time_works_on_a_folder(shared: Shared) -> None:
    house, _, running = shared
    second = house.manage("run_library", "--no-demo", "--port", str(free_port()))
    assert second.code == 1
    assert (
        second.output.strip()
        .splitlines()[-1]
        .startswith("CommandError: Assetbank is already running")
    )
    assert running.alive


def test_a_worker_and_a_database_that_are_killed_come_back(shared: Shared) -> None:
    house, port, running = shared

    def index_worker() -> list[int]:
        found = [process for process in house.processes() if "index,house" in command_of(process)]
        return [process.pid for process in found]

    wait_until(lambda: workers(house) == 2, "both workers are at work")
    (pid,) = index_worker()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: index_worker() not in ([pid], []), "the worker is back")
    assert "ended; starting again" in running.output
    (server,) = house.postgres_servers()
    kill(server)
    wait_until(lambda: answers(port) and workers(house) >= 2, "all is back", every=0.5)
    assert running.alive
    running.interrupt()
    assert running.ended(15).code == 0


def test_a_library_that_was_killed_starts_again_on_its_port(library: House) -> None:
    port = free_port()
    start(library, port).kill()
    assert answers(port)  # its parts go on without it
    again = library.start("run_library", "--no-demo", "--port", str(port))
    wait_until(lambda: "web started" in again.output.replace("system   | ", ""), "it starts")
    wait_until(lambda: answers(port), "the library answers")
    again.interrupt()
    assert again.ended(20).code == 0
    wait_until(lambda: library.processes() == [], "nothing is left", seconds=20)
