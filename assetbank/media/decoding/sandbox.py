"""Take away from this process all that decoding does not need, before it sees foreign bytes.

Limits work on every POSIX system; Landlock (files, network, signals) and seccomp (system calls) on
Linux. What a kernel lacks is left out, and reported. All of it is irrevocable.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import struct
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from assetbank.media.decoding import seccomp

MAX_FILES = 64
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
SIGKILL = 9
CAPSET = {"x86_64": 126, "aarch64": 91}  # numbers of the system call
CAPABILITY_VERSION_3 = 0x20080522
# Landlock's system calls, which have these numbers on every processor
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1  # flag of CREATE_RULESET: return the version
PATH_BENEATH = 1  # kind of a rule
READ_FILE, READ_DIR = 1 << 2, 1 << 3
# First version of Landlock -> number of kinds of access to files that it can deny
FILE_ACCESS = {1: 13, 2: 14, 3: 15, 5: 16}
NETWORK_SINCE, TCP = 4, 0b11  # bind and connect
SCOPES_SINCE, SCOPES = 6, 0b11  # abstract sockets and signals of processes outside


@dataclass(frozen=True)
class Sandbox:
    """Layers that confine a decoder; 0 and False for those that the kernel lacks."""

    landlock: int  # version
    seccomp: bool
    memory: bool  # address space is limited

    @property
    def full(self) -> bool:
        """Return whether decoders reach no file, no network and no process."""
        return bool(self.landlock and self.seccomp and self.memory)


def enter(*, memory: int) -> Sandbox:
    """Restrict this process for good; `memory` is what it may allocate from now on, in bytes."""
    limited = _limit(memory)
    landlock, filtered = 0, False
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            landlock = _landlock(libc)
            _drop_capabilities(libc)
            filtered = seccomp.install(libc)
    return Sandbox(landlock, filtered, limited)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the thread that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)


def limit_cpu(seconds: int) -> None:
    """Let the kernel end this process when it has used so many more seconds of processor time.

    A second belt: the parent measures as well, and states the reason.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _limit(memory: int) -> bool:
    """Set the limits; return whether address space is limited."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))
    if sys.platform != "linux":  # on Linux it would count threads; seccomp denies processes there
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        total = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (total, total))
        return True
    return False


def _landlock(libc: ctypes.CDLL) -> int:
    """Deny all files but Python's own and system libraries, to be read, and TCP, and signals.

    Return the kernel's version of Landlock; 0 if it has none, or if this process has threads, which
    would not be restricted.
    """
    version: int = libc.syscall(CREATE_RULESET, None, 0, VERSION)
    if version < 1 or len(os.listdir("/proc/self/task")) > 1:
        return 0
    bits = max(count for since, count in FILE_ACCESS.items() if since <= version)
    rules = struct.pack(
        "=QQQ",
        (1 << bits) - 1,
        TCP if version >= NETWORK_SINCE else 0,
        SCOPES if version >= SCOPES_SINCE else 0,
    )
    size = 8 if version < NETWORK_SINCE else 16 if version < SCOPES_SINCE else 24
    ruleset = libc.syscall(CREATE_RULESET, rules, size, 0)
    if ruleset < 0:
        return 0
    try:
        for folder in _libraries():
            _allow_reading(libc, ruleset, folder)
        return version if libc.syscall(RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _libraries() -> list[Path]:
    """Return the folders that decoders load code from: Python's, its packages', the system's."""
    paths = sysconfig.get_paths()
    names = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    names += ["/lib", "/lib64", "/usr/lib", "/usr/lib64", str(Path(__file__).parents[1])]
    return [Path(name) for name in dict.fromkeys(names) if Path(name).is_dir()]


def _allow_reading(libc: ctypes.CDLL, ruleset: int, folder: Path) -> None:
    opened = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", READ_FILE | READ_DIR, opened)
        libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Give up the rights of root, such as raising limits; a no-op for other users."""
    if number := CAPSET.get(platform.machine()):
        libc.syscall(number, struct.pack("=Ii", CAPABILITY_VERSION_3, 0), bytes(24))
