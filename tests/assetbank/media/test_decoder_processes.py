"""Decoders as children of the product's processes, which end in every way."""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.conftest import picture_bytes
from tests.support.hostile_pictures import png_bomb
from tests.support.processes import House, Running, free_port, wait_until

MODULES = {"assetbank.media.decoding", "tests.assetbank.media.decoding.hostile"}
GUNICORN = ["tests.assetbank.media.decoding.web", "--workers=1", "--threads=8", "--preload"]
DECODE = """
import io, os, sys, threading, time
from PIL import Image
from assetbank.media import decoder
buffer = io.BytesIO()
Image.new("RGB", (80, 60)).save(buffer, "PNG")
def work():
    decoder.examine(buffer.getvalue())
"""
FROM_A_THREAD_THAT_ENDS = """
thread = threading.Thread(target=work)
thread.start()
thread.join()
print("ready", flush=True)
time.sleep(3600)
"""
SPINNING = """
from assetbank.media.decoding import Limits, Pool
from tests.assetbank.media.decoding import hostile
threading.Thread(target=lambda: (time.sleep(1.5), print("ready", flush=True)), daemon=True).start()
Pool(hostile.__name__, hostile.JOBS, Limits(1, 500, 10**7)).run("spin", b"")
"""


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        yield house


def decoders_of(pid: int) -> list[psutil.Process]:
    """Return the decoders below a process."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        return [each for each in children if MODULES & {*each.cmdline()}]
    except psutil.Error:
        return []


def started(house: House, script: str) -> tuple[Running, list[psutil.Process]]:
    running = house.start_script(script, SECRET_KEY="x" * 50)
    wait_until(lambda: "ready" in running.output or not running.alive, "it decodes", every=0.05)
    decoders = decoders_of(running.pid)
    assert decoders, running.output
    return running, decoders


@pytest.mark.processes
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_decoders_outlive_the_thread_that_asked_but_not_its_process(
    house: House, how: signal.Signals
) -> None:
    running, decoders = started(house, DECODE + FROM_A_THREAD_THAT_ENDS)
    time.sleep(0.5)
    assert all(each.is_running() for each in decoders)
    os.kill(running.pid, how)
    running.ended(10)
    assert psutil.wait_procs(decoders, timeout=3)[1] == []


@pytest.mark.processes
def test_one_that_is_busy_ends_with_its_process_as_well(house: House) -> None:
    running, decoders = started(house, DECODE + SPINNING)
    running.kill()
    assert psutil.wait_procs(decoders, timeout=3)[1] == []


@pytest.mark.processes
def test_bombs_leave_gunicorn_as_it_was_and_parallel_uploads_pass(house: House) -> None:
    """Its workers are forked from a process that has decoded before (`--preload`)."""
    port = free_port()
    server = house._start([sys.executable, "-m", "gunicorn", *GUNICORN, f"--bind=:{port}"], {})

    def post(data: bytes) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", data)
        with urllib.request.urlopen(request, timeout=300) as answer:
            return str(answer.read().decode())

    wait_until(lambda: post(picture_bytes()) == "80", "it serves")
    decoding = decoders_of(server.pid)
    (worker,) = {*psutil.Process(server.pid).children()} - {*decoding}
    with ThreadPoolExecutor(50) as threads:
        assert set(threads.map(post, [picture_bytes()] * 50)) == {"80"}
        before = worker.memory_info().rss
        assert set(threads.map(post, [png_bomb()] * 4)) == {"10900"}
    assert worker.memory_info().rss - before < 100 * 2**20
    decoders = decoders_of(worker.pid)
    assert 1 <= len(decoders) <= 4
    assert sum(each.memory_info().rss for each in decoders) < len(decoders) * 300 * 2**20
    worker.kill()
    assert psutil.wait_procs(decoders, timeout=3)[1] == []
