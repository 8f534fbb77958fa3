"""A seccomp filter: system calls that no decoder needs fail with EPERM.

It is a list of what is denied: starting programs and processes, opening sockets, looking into other
processes or signalling them, and those parts of the kernel that attacks on it usually begin with.
Threads are allowed, because libheif, libavif and libvips use them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

SECCOMP = {"x86_64": 317, "aarch64": 277}  # numbers of the system call
SET_MODE_FILTER, ALL_THREADS = 1, 1
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000  # system calls of another interface of x86_64 begin here
CLONE_THREAD = 0x10000
# Name -> numbers on x86_64 and aarch64; 0 where there is none
DENIED = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "fork": (57, 0), "vfork": (58, 0), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
    "fsconfig": (431, 431), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "personality": (135, 92), "reboot": (169, 142), "swapon": (167, 224),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "acct": (163, 89),
}  # fmt: skip
CLONE, CLONE3, TGKILL, PRLIMIT = (56, 220), (435, 435), (234, 131), (302, 261)
# Fields of the kernel's `struct seccomp_data`, in bytes; arguments are 64-bit, low half first
NUMBER, ARCH, FIRST_ARGUMENT = 0, 4, 16
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # instructions of BPF
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def install(libc: ctypes.CDLL) -> bool:
    """Install the filter for all threads of this process; return whether the kernel did so."""
    machine = platform.machine()
    if machine not in SECCOMP:
        return False
    instructions = program(machine, os.getpid())
    filled = _Program(len(instructions) // 8, instructions)
    number = SECCOMP[machine]
    done = libc.syscall(number, SET_MODE_FILTER, ALL_THREADS, ctypes.byref(filled))
    return bool(done == 0)


def program(machine: str, pid: int) -> bytes:
    """Return the filter as instructions of BPF, for the process `pid`."""
    column = list(SECCOMP).index(machine)
    refused = FAIL | errno.EPERM
    code = [
        (LOAD, 0, 0, ARCH),
        (EQUAL, 1, 0, ARCHITECTURE[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, KILL),
    ]
    for numbers in DENIED.values():
        if number := numbers[column]:
            code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, refused)]
    # The C library then uses clone, whose flags a filter can read
    code += [(EQUAL, 0, 1, CLONE3[column]), (RETURN, 0, 0, FAIL | errno.ENOSYS)]
    code += [
        (EQUAL, 0, 4, CLONE[column]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (ANY_BIT, 1, 0, CLONE_THREAD),
        (RETURN, 0, 0, refused),
        (RETURN, 0, 0, ALLOW),
    ]
    for number, own in ((TGKILL[column], (pid,)), (PRLIMIT[column], (0, pid))):
        # only of this process: abort() and setrlimit() need that
        code += [(EQUAL, 0, len(own) + 3, number), (LOAD, 0, 0, FIRST_ARGUMENT)]
        code += [(EQUAL, len(own) - place, 0, each) for place, each in enumerate(own)]
        code += [(RETURN, 0, 0, refused), (RETURN, 0, 0, ALLOW)]
    code.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *each) for each in code)
