"""Count the pixels that are decoded at once in this process."""

from __future__ import annotations

import threading
import time
from collections import deque


class PixelPermits:
    """A semaphore with weights; who came first is served first, so that large ones get their turn.

    Pictures of at most `free` pixels need no permit.
    """

    def __init__(self, total: int, *, free: int) -> None:
        self.total, self.free = total, free
        self._taken = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def weight(self, pixels: int) -> int:
        """Return what a picture of so many pixels takes; one that is too large takes everything."""
        return 0 if pixels <= self.free else min(pixels, self.total)

    def take(self, weight: int, *, seconds: float) -> bool:
        """Wait for so many pixels; return whether they were granted within `seconds`."""
        if not weight:
            return True
        ticket, deadline = object(), time.monotonic() + seconds
        with self._changed:
            self._waiting.append(ticket)
            try:
                return self._changed.wait_for(
                    lambda: self._waiting[0] is ticket and self._taken + weight <= self.total,
                    max(0.0, deadline - time.monotonic()),
                ) and self._grant(weight)
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def give_back(self, weight: int) -> None:
        if weight:
            with self._changed:
                self._taken -= weight
                self._changed.notify_all()

    def _grant(self, weight: int) -> bool:
        self._taken += weight
        return True
