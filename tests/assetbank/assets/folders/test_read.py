"""Reading a file that is exchanged, grows or vanishes after the walk has found it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from assetbank.assets.folders.read import read_file
from assetbank.errors import FileNotRead, PictureTooLarge


def read(path: Path, root: Path, limit: int = 1_000) -> bytes:
    return read_file(str(root), str(path), limit=limit)


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "hat.jpg").write_bytes(b"hat")
    assert read(tmp_path / "a" / "b" / "hat.jpg", tmp_path, limit=3) == b"hat"


def test_a_pipe_that_nobody_writes_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hat.jpg")
    with pytest.raises(FileNotRead, match="no regular file"):
        read(tmp_path / "hat.jpg", tmp_path)


def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in" / "hat.jpg").symlink_to("../secret")
    with pytest.raises(FileNotRead, match="symbolic links"):
        read(tmp_path / "in" / "hat.jpg", tmp_path / "in")


def test_a_folder_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "hat.jpg").write_bytes(b"secret")
    (tmp_path / "in" / "a").symlink_to("../secret")
    with pytest.raises(FileNotRead, match="Not a directory"):
        read(tmp_path / "in" / "a" / "hat.jpg", tmp_path / "in")


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotRead, match="moved or deleted"):
        read(tmp_path / "hat.jpg", tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "hat.jpg").write_bytes(b"x" * 1_001)
    with pytest.raises(PictureTooLarge, match="larger than MAX_UPLOAD_BYTES"):
        read(tmp_path / "hat.jpg", tmp_path)


@pytest.mark.parametrize("lock", [fcntl.flock, fcntl.lockf])
def test_a_file_that_another_program_has_locked_is_not_read(
    tmp_path: Path, lock: Callable[[IO[bytes], int], None]
) -> None:
    path = tmp_path / "hat.jpg"
    path.write_bytes(b"hat")
    script = "import fcntl, sys\nfile = open(sys.argv[1], 'ab')\n"
    script += f"fcntl.{lock.__name__}(file, fcntl.LOCK_EX)\nprint(flush=True)\nsys.stdin.read()"
    command = [sys.executable, "-c", script, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as other:  # type: ignore[call-overload]
        other.stdout.readline()
        with pytest.raises(FileNotRead, match="Another program has locked it"):
            read(path, tmp_path)
        other.communicate()
    assert read(path, tmp_path) == b"hat"


@pytest.mark.slow
def test_a_file_that_grows_while_it_is_read_is_not_taken(tmp_path: Path) -> None:
    path, stop = tmp_path / "hat.jpg", threading.Event()
    path.write_bytes(b"x" * 50_000_000)

    def grow() -> None:
        with path.open("ab") as file:
            while not stop.is_set():
                file.write(b"x")
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with pytest.raises(FileNotRead, match="changed while it was read"):
            read(path, tmp_path, limit=2**40)
    finally:
        stop.set()
        writer.join()
