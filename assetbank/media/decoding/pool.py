"""A small pool of decoders: started when needed, replaced when they die, ended when idle.

One decoder has one file at a time. All of them belong to one process; a process that is forked from
it, as by gunicorn, begins with a pool of its own.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from assetbank.errors import DecoderUnavailable, PictureRefused, PictureTooLarge, refusal_named
from assetbank.media.decoding.permits import PixelPermits
from assetbank.media.decoding.process import (
    Allowance,
    Decoder,
    DecoderGone,
    DecoderLate,
    as_descriptor,
)
from assetbank.media.decoding.requests import Job, Refusal, Request, Start
from assetbank.media.decoding.sandbox import Sandbox

logger = logging.getLogger(__name__)

MAX_SERVED = 500  # files, after which a decoder is replaced
MAX_GROWN = 150 * 2**20  # bytes that it may keep of what it used
IDLE_SECONDS = 120.0
SWEEP_SECONDS = 10.0
SMALL = 2_000_000  # pixels that are decoded without a permit
BYTES_PER_PIXEL = 8  # of address space
SPARE_MEMORY = 600 * 2**20  # for libraries, the file and small pictures
CLOCK_FACTOR = 6  # a file may take so many times its processor time by the clock


@dataclass(frozen=True)
class Limits:
    """Limits of a pool: see the settings of the same names."""

    processes: int
    seconds: int  # of processor time a file
    pixels: int  # of one picture, and of all that are decoded at once

    @property
    def clock(self) -> float:
        """Return the seconds by the clock that a file, or waiting for its turn, may take."""
        return float(self.seconds * CLOCK_FACTOR)


class Pool:
    """Decoders that run `module`, which serves `jobs`."""

    def __init__(self, module: str, jobs: Mapping[str, Job], limits: Limits) -> None:
        self.module, self.jobs, self.limits = module, jobs, limits
        memory = limits.pixels * BYTES_PER_PIXEL + SPARE_MEMORY
        self._start = Start(memory, limits.pixels)
        self._permits = PixelPermits(limits.pixels, free=SMALL)
        self._idle: list[Decoder] = []
        self._busy: set[Decoder] = set()
        self._starting = 0
        self._changed = threading.Condition()
        # The kernel kills a decoder when the thread that started it ends. Threads of a web server
        # come and go, so one thread starts them all
        self._orders: queue.SimpleQueue[Future[Decoder] | None] = queue.SimpleQueue()
        self._starter: threading.Thread | None = None
        self.sandbox: Sandbox | None = None  # of the decoder that was started last

    def run(self, name: str, data: bytes, **arguments: int | str | bytes) -> Any:
        """Return the result of a job for a file.

        Raises PictureRefused and PictureTooLarge, also if the decoder dies or takes too long, and
        DecoderUnavailable if none can be had.
        """
        request = _request(name, self.limits.seconds, arguments)
        with as_descriptor(data) as descriptor:
            result = self._run(request, descriptor)
        if isinstance(result, Refusal):
            raise refusal_named(result.error, result.sentence)
        return result

    def check(self) -> Sandbox:
        """Return what holds the decoders; start one if need be. Raises DecoderUnavailable."""
        if self.sandbox is None:
            with self._borrowed():
                pass
        assert self.sandbox
        return self.sandbox

    def close(self) -> None:
        """End all decoders, also those that work; wait for their end."""
        with self._changed:
            decoders = [*self._idle, *self._busy]
            self._idle = []
        for decoder in decoders:
            decoder.end()
        if self._starter:
            self._orders.put(None)

    def forget(self) -> None:
        """Forget decoders that belong to the process from which this one was forked."""
        for decoder in [*self._idle, *self._busy]:
            decoder.forget()

    def processes(self) -> list[int]:
        """Return the process ids of the decoders."""
        return [decoder.pid for decoder in [*self._idle, *self._busy]]

    def _run(self, request: Request, descriptor: int) -> Any:
        job, weight = self.jobs[request.job], 0
        try:
            with self._borrowed() as decoder, _sentences(self.limits.seconds):
                wanted = self._ask(decoder, request, descriptor)
                if self._permits.take(wanted, seconds=0):
                    weight = wanted
                    return decoder.proceed(job)
                decoder.drop()
            # Waiting for pixels must not keep a decoder from small pictures
            if not self._permits.take(wanted, seconds=self.limits.clock):
                raise _busy()
            weight = wanted
            with self._borrowed() as decoder, _sentences(self.limits.seconds):
                if self._ask(decoder, request, descriptor) > weight:
                    raise DecoderGone("it counts differently each time")
                return decoder.proceed(job)
        finally:
            self._permits.give_back(weight)

    def _ask(self, decoder: Decoder, request: Request, descriptor: int) -> int:
        allowance = Allowance(request.seconds, self.limits.clock)
        return self._permits.weight(decoder.ask(request, descriptor, allowance))

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[Decoder]:
        """Yield a decoder; end it if the block raises, whatever it raises."""
        decoder = self._borrow()
        try:
            yield decoder
        except BaseException:
            self._return(decoder, usable=False)
            raise
        grown = decoder.resident - decoder.resident_at_start
        self._return(decoder, usable=decoder.served < MAX_SERVED and grown < MAX_GROWN)

    def _borrow(self) -> Decoder:
        deadline = time.monotonic() + self.limits.clock
        with self._changed:
            while True:
                while self._idle:
                    decoder = self._idle.pop()  # used last: others may become idle
                    if decoder.alive:
                        self._busy.add(decoder)
                        return decoder
                    decoder.end()
                if len(self._busy) + self._starting < self.limits.processes:
                    self._starting += 1
                    break
                if not self._changed.wait(deadline - time.monotonic()):
                    raise _busy()
        return self._order()

    def _order(self) -> Decoder:
        """Let the starter thread start a decoder, and return it. Raises DecoderUnavailable."""
        decoder = None
        try:
            order: Future[Decoder] = Future()
            with self._changed:
                if self._starter is None:
                    self._starter = threading.Thread(
                        target=self._fill_orders, name="decoders", daemon=True
                    )
                    self._starter.start()
            self._orders.put(order)
            decoder = order.result()
        except (OSError, DecoderGone, DecoderLate) as error:
            logger.error("no decoder can be started: %s", error)
            raise DecoderUnavailable(
                "Images cannot be decoded at the moment. Retry in a minute."
            ) from error
        finally:
            with self._changed:
                self._starting -= 1
                if decoder:
                    self.sandbox = decoder.sandbox
                    self._busy.add(decoder)
                self._changed.notify()
        return decoder

    def _return(self, decoder: Decoder, *, usable: bool) -> None:
        if not usable:
            decoder.end()
        with self._changed:
            self._busy.discard(decoder)
            if usable:
                decoder.idle_since = time.monotonic()
                self._idle.append(decoder)
            self._changed.notify()

    def _fill_orders(self) -> None:
        while True:
            try:
                order = self._orders.get(timeout=SWEEP_SECONDS)
            except queue.Empty:
                self._sweep()
                continue
            if order is None:
                return
            try:
                order.set_result(Decoder(self.module, self._start))
            except BaseException as error:
                order.set_exception(error)

    def _sweep(self) -> None:
        """End decoders that had nothing to do for IDLE_SECONDS."""
        before = time.monotonic() - IDLE_SECONDS
        with self._changed:
            old = [each for each in self._idle if each.idle_since < before or not each.alive]
            self._idle = [each for each in self._idle if each not in old]
        for decoder in old:
            decoder.end()


def _request(name: str, seconds: int, arguments: Mapping[str, int | str | bytes]) -> Request:
    """Return a request with its arguments sorted by type."""
    request = Request(name, seconds)
    for key, value in arguments.items():
        if isinstance(value, int):
            request.numbers[key] = value
        elif isinstance(value, str):
            request.texts[key] = value
        else:
            request.raw[key] = value
    return request


def _busy() -> DecoderUnavailable:
    return DecoderUnavailable("Too many images are being decoded. Retry in a minute.")


@contextlib.contextmanager
def _sentences(seconds: int) -> Iterator[None]:
    """Turn the death of a decoder into the refusal of its file."""
    try:
        yield
    except DecoderLate as error:
        logger.warning("a file took too much time %s", error)
        raise PictureTooLarge(
            f"This image takes more than {seconds} seconds to decode. Save it again with an image "
            "editor, for example as a plain JPEG, and upload that file."
        ) from error
    except DecoderGone as error:
        logger.warning("a decoder is gone: %s", error)
        raise PictureRefused(
            "This image could not be decoded: it is damaged, or needs too much memory. Save it "
            "again with an image editor, and upload that file."
        ) from error
