"""The pool of decoders against files that misbehave, or have taken over the decoder."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from assetbank.errors import DecoderUnavailable, PictureRefused, PictureTooLarge
from assetbank.media.decoding import Limits, Pool
from assetbank.media.decoding import pool as pools
from tests.assetbank.media.decoding import hostile

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def hostile_pool(*, processes: int = 1, seconds: int = 2, pixels: int = 10**7) -> Iterator[Pool]:
    pool = Pool(hostile.__name__, hostile.JOBS, Limits(processes, seconds, pixels))
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with hostile_pool() as pool:
        yield pool


def serves(pool: Pool) -> bool:
    return bool(pool.run("count", b"four") == 4)


@pytest.mark.parametrize(
    ("job", "error", "words"),
    [
        ("abort", PictureRefused, "could not be decoded"),
        ("allocate", PictureTooLarge, "more memory than is available"),
        ("spin", PictureTooLarge, "more than 2 seconds"),
        ("write much", PictureRefused, "could not be decoded"),
    ],
)
def test_a_decoder_that_dies_or_runs_out_is_a_sentence(
    pool: Pool, job: str, error: type[PictureRefused], words: str
) -> None:
    with pytest.raises(error, match=words):
        pool.run(job, b"data")
    assert serves(pool)


@pytest.mark.parametrize(
    "how",
    ["announce too much", "announce text", "send no JSON", "send another type", "nest",
     "send another kind", "end"],
)  # fmt: skip
def test_a_decoder_that_lies_is_replaced(pool: Pool, how: str) -> None:
    serves(pool)
    before = pool.processes()
    with pytest.raises(PictureRefused, match="could not be decoded"):
        pool.run("lie", b"data", how=how)
    assert serves(pool)
    assert pool.processes() != before
    assert not psutil.pid_exists(before[0])


def test_one_that_only_sleeps_ends_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "CLOCK_FACTOR", 1)
    with hostile_pool(seconds=1) as pool, pytest.raises(PictureTooLarge, match="more than 1 sec"):
        pool.run("sleep", b"data")


def test_processor_time_counts_and_not_that_of_the_clock() -> None:
    """Other processes may keep all processors busy, and a warm decoder has used some before."""
    with hostile_pool(seconds=1) as pool:
        for _ in range(3):
            assert pool.run("nap", b"", milliseconds=700)
        assert pool.run("nap", b"", milliseconds=1500)
        assert pool.processes()


def test_a_decoder_reaches_no_file_network_or_process(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    with hostile_pool() as pool, socket.create_server(("127.0.0.1", 0)) as server:
        if not pool.check().full:
            pytest.skip(f"this kernel has no full sandbox: {pool.check()}")
        found = pool.run(
            "attempt",
            b"",
            path=str(secret),
            port=server.getsockname()[1],
            outsider=os.getpid(),
        )
    assert found == dict.fromkeys(found, "PermissionError") | {"lift a limit": "ValueError"}
    assert len(found) == 11
    assert not Path("/tmp/decoder-was-here").exists()


def test_a_decoder_gets_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:password@h/n")
    with hostile_pool() as pool:
        names = pool.run("environment", b"")
    assert "DATABASE_URL" not in names
    assert settings.SECRET_KEY not in "".join(names.values())


def test_fifty_at_once_are_decoded_by_two_processes() -> None:
    with hostile_pool(processes=2) as pool, ThreadPoolExecutor(50) as threads:
        used = set(threads.map(lambda _: pool.run("nap", b"", milliseconds=10), range(50)))
        assert used == set(pool.processes())
        assert len(used) == 2


def test_large_pictures_wait_for_each_other_and_small_ones_do_not() -> None:
    with hostile_pool(processes=2, pixels=10_000_000) as pool, ThreadPoolExecutor(3) as threads:
        pool.run("nap of its size", b"100", milliseconds=1)
        started = time.monotonic()
        large = [
            threads.submit(pool.run, "nap of its size", b"9000000", milliseconds=2000)
            for _ in range(2)
        ]
        time.sleep(0.1)
        pool.run("nap of its size", b"100", milliseconds=1)
        assert not any(each.done() for each in large)
        for each in large:
            each.result()
        assert time.monotonic() - started > 4


def test_who_waits_too_long_is_told_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "CLOCK_FACTOR", 1)
    with hostile_pool(seconds=1) as pool:
        with pool._borrowed(), pytest.raises(DecoderUnavailable, match="Retry in a minute"):
            pool.run("count", b"four")
        assert serves(pool)


def test_what_interrupts_the_caller_ends_the_decoder(pool: Pool) -> None:
    """A cancelled request leaves no decoder that nobody waits for."""
    pool.check()
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        pool.run("sleep", b"data")
    assert pool.processes() == []
    assert serves(pool)


def test_a_decoder_is_replaced_after_many_files_and_when_it_has_grown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "MAX_SERVED", 3)
    with hostile_pool() as pool:
        used = [pool.run("nap", b"", milliseconds=0) for _ in range(6)]
    assert [used.count(each) for each in dict.fromkeys(used)] == [3, 3]


def test_idle_decoders_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(pools, "SWEEP_SECONDS", 0.2)
    with hostile_pool() as pool:
        assert serves(pool)
        (pid,) = pool.processes()
        deadline = time.monotonic() + 10
        while psutil.pid_exists(pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not psutil.pid_exists(pid)
        assert pool.processes() == []


def test_one_that_was_killed_while_idle_does_no_harm(pool: Pool) -> None:
    serves(pool)
    psutil.Process(pool.processes()[0]).kill()
    time.sleep(0.2)
    assert serves(pool)


def test_if_none_can_be_started_the_file_is_not_blamed() -> None:
    broken = Pool("tests.assetbank.media.decoding.missing", hostile.JOBS, Limits(1, 2, 10**7))
    with pytest.raises(DecoderUnavailable) as raised:
        broken.run("count", b"four")
    assert raised.value.status == 503
    broken.close()
