"""Types that a process and its decoders exchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from assetbank.media.decoding.sandbox import Sandbox

MAX_REQUEST = 16 * 2**20  # bytes of the arguments of a job, beside the file


@dataclass(frozen=True)
class Job:
    """A function that decodes; it gets a file's bytes, and the arguments of a Request.

    `result` is the type that it returns: see `wire`. `max_result` limits its bytes. `count_pixels`
    returns how many pixels the bytes decode to, from their header alone; 0 if that is unknown.
    """

    function: Callable[..., Any]
    result: Any
    max_result: int
    count_pixels: Callable[[bytes], int] | None = None


@dataclass(frozen=True)
class Start:
    """First message to a decoder: limits that hold for its whole life."""

    memory: int  # bytes of address space beyond what it starts with
    max_pixels: int


@dataclass(frozen=True)
class Ready:
    """First message of a decoder."""

    sandbox: Sandbox


@dataclass(frozen=True)
class Request:
    """One file to decode, which travels as a descriptor beside this message."""

    job: str
    seconds: int  # of processor time
    numbers: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Size:
    """First answer to a request: pixels of the picture; the decoder waits for GO or DROP."""

    pixels: int


GO, DROP = b"g", b"d"


@dataclass(frozen=True)
class Refusal:
    """Second answer, if the bytes are refused; otherwise, the job's result is sent."""

    error: str  # class of assetbank.errors
    sentence: str


REFUSED, DONE = b"r", b"k"  # begin the second answer
