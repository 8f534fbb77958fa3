"""Read a regular file inside a folder, whatever happens to it in the meantime."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import PurePath

from assetbank.errors import FileNotRead, PictureTooLarge

# Not blocking: the open of a named pipe that nobody writes would never return
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_file(root: str, path: str, *, limit: int) -> bytes:
    """Return the bytes of a regular file inside `root`, both real paths.

    No link is followed on the way, so a name that is exchanged after the walk leads nowhere else.
    Raises PictureTooLarge above `limit` bytes, and FileNotRead if it is not such a file any more,
    cannot be opened, is locked, or changes while it is read.
    """
    try:
        descriptor = _open(root, path)
    except FileNotFoundError:
        raise FileNotRead("It was moved or deleted in the meantime.") from None
    except OSError as error:
        raise FileNotRead(error.strerror or str(error)) from error
    with open(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise FileNotRead("It is no regular file any more.")
        if before.st_size > limit:
            raise PictureTooLarge(f"larger than MAX_UPLOAD_BYTES ({limit / 2**20:.0f} MB)")
        if _is_locked(descriptor):
            raise FileNotRead("Another program has locked it.")
        try:
            data = file.read(before.st_size + 1)
        except OSError as error:
            raise FileNotRead(error.strerror or str(error)) from error
        after = os.fstat(descriptor)
    if len(data) != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        raise FileNotRead("It changed while it was read. Run the import again.")
    return data


def _is_locked(descriptor: int) -> bool:
    """Return whether a program that writes the file has locked it, in either way of POSIX."""
    for lock in (fcntl.flock, fcntl.lockf):
        try:
            lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return True
        except OSError:  # a file system without locks
            continue
    return False


def _open(root: str, path: str) -> int:
    """Return a descriptor of the file, opened folder by folder from `root`."""
    *folders, name = PurePath(os.path.relpath(path, root)).parts
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for each in folders:
            inner = os.open(
                each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder
            )
            os.close(folder)
            folder = inner
        return os.open(name, FLAGS, dir_fd=folder)
    finally:
        os.close(folder)
