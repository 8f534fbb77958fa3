"""Embedded services: shared by processes, stopped by the last one, reused after a kill -9."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.support.processes import House, Running, kill, wait_until

MILVUS = """
from django.conf import settings
from assetbank.embedded import milvus
print(milvus.ensure_running(settings.DATA_DIR / "milvus"), flush=True)
"""
POSTGRES = """
from django.db import connection
connection.cursor().execute("SELECT 1")
print("connected", flush=True)
"""
UNTIL_ENOUGH = """
import time
print("ready", flush=True)
while not (settings.DATA_DIR / "enough").exists():
    time.sleep(0.02)
"""
SETTINGS = "from django.conf import settings\n"


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        yield house


@pytest.fixture
def library() -> Iterator[House]:
    """Return a house whose PostgreSQL has been created and migrated."""
    with House(migrated=True) as library:
        yield library


def start_user(house: House, service: str) -> Running:
    """Start a process that uses the service until the file `enough` exists, or it is killed."""
    running = house.start_script(SETTINGS + service + UNTIL_ENOUGH)
    wait_until(lambda: "ready" in running.output or not running.alive, "the service is up")
    assert running.alive, running.output
    return running


def test_processes_share_the_servers_and_the_last_one_stops_them(house: House) -> None:
    first, second = start_user(house, POSTGRES + MILVUS), start_user(house, POSTGRES + MILVUS)
    assert first.output == second.output
    servers = [*house.postgres_servers(), *house.milvus_servers()]
    assert len(servers) == 2
    house.script(SETTINGS + POSTGRES + MILVUS)  # a process that ends early does not stop them
    assert all(server.is_running() for server in servers)
    (house.folder / "enough").touch()
    assert first.ended().code == second.ended().code == 0
    wait_until(lambda: not house.processes(), "both stopped", seconds=10)


def test_servers_that_a_killed_process_left_behind_are_taken_over_and_then_stopped(
    library: House,
) -> None:
    killed = start_user(library, POSTGRES + MILVUS)
    servers = {*library.postgres_servers(), *library.milvus_servers()}
    assert len(servers) == 2
    killed.kill()
    assert all(server.is_running() for server in servers)
    address = library.script(SETTINGS + POSTGRES + MILVUS).split()[-1]
    assert address in killed.output  # the same server, not another one
    wait_until(lambda: not library.processes(), "both stopped", seconds=10)


def test_a_process_starts_anew_what_was_killed_under_it(library: House) -> None:
    again = """
    connection.close()
    connection.cursor().execute("SELECT 1")
    milvus.ensure_running(settings.DATA_DIR / "milvus")
    """
    lasting = library.start_script(
        SETTINGS
        + POSTGRES
        + MILVUS
        + UNTIL_ENOUGH
        + again.replace("\n    ", "\n")
        + "print('again')"
    )
    wait_until(lambda: "ready" in lasting.output, "both are up")
    for server in (*library.postgres_servers(), *library.milvus_servers()):
        kill(server)
    (library.folder / "enough").touch()
    done = lasting.ended()
    assert done.code == 0, done.output
    assert done.output.endswith("again\n")
    wait_until(lambda: not library.processes(), "both stopped", seconds=10)


def test_a_stale_server_file_is_not_believed(house: House) -> None:
    folder = house.folder / "milvus"
    folder.mkdir()
    for stale in (
        json.dumps({"pid": os.getpid(), "port": 9}),  # the number belongs to another program
        json.dumps({"pid": 4_000_000, "port": 9}),  # no process has the number
        '{"pid": 1',  # half written
        "",
    ):
        (folder / "server.json").write_text(stale)
        assert house.script(SETTINGS + MILVUS).startswith("http://127.0.0.1:")
    wait_until(lambda: not house.milvus_servers(), "Milvus stopped", seconds=10)
    assert psutil.pid_exists(os.getpid())


def test_a_milvus_whose_starter_was_killed_before_it_noted_it_is_replaced(house: House) -> None:
    killed = start_user(house, MILVUS)
    (orphan,) = house.milvus_servers()
    killed.kill()
    (house.folder / "milvus" / "server.json").unlink()
    lasting = start_user(house, MILVUS)
    (server,) = house.milvus_servers()
    assert server.pid != orphan.pid
    (house.folder / "enough").touch()
    assert lasting.ended().code == 0


def test_a_stale_postmaster_file_of_any_kind_is_not_believed(library: House) -> None:
    library.script(SETTINGS + POSTGRES)
    pid_file = library.folder / "postgres" / "postmaster.pid"
    rest = (
        f"{library.folder / 'postgres'}\n{int(time.time())}\n5432\n{library.folder / 'postgres'}\n"
    )
    with House(migrated=True) as other:  # a PostgreSQL, but not that of our folder
        start_user(other, POSTGRES)
        (foreign,) = other.postgres_servers()
        for stale in (
            f"{os.getpid()}\n{rest}\n 1 1\nready\n",
            f"{foreign.pid}\n{rest}\n 1 1\nready\n",
            f"4000000\n{rest}",  # half written
            "",
        ):
            pid_file.write_text(stale)
            assert library.script(SETTINGS + POSTGRES) == "connected\n", stale
        assert foreign.is_running()
    assert library.postgres_servers() == []


def test_a_folder_that_cannot_be_used_is_a_sentence(house: House) -> None:
    (house.folder / "postgres").write_text("in the way")
    (house.folder / "milvus").write_text("in the way")
    done = house.start_script(SETTINGS + POSTGRES).ended()
    assert f"The embedded PostgreSQL could not start in {house.folder / 'postgres'}" in done.output
    done = house.start_script(SETTINGS + MILVUS).ended()
    assert f"The embedded Milvus cannot use {house.folder / 'milvus'}" in done.output
