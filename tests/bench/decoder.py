"""What decoding in a child process costs over decoding in the process itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

from tests.bench import line

PICTURES = 200


def bench(pictures: Sequence[bytes]) -> None:
    """Print the median difference of a picture, in milliseconds; the target is 2."""
    from assetbank.media import decoder, images

    print("\n(d) a picture examined by a decoder, less the same in this process")
    decoder.check_sandbox()
    chosen = (list(pictures) * (PICTURES // len(pictures) + 1))[:PICTURES]
    more = [_seconds(decoder.examine, each) - _seconds(images.examine, each) for each in chosen]
    line("decoder: ms", f"{median(more) * 1000:6.2f}")
    decoder.close_pool()


def _seconds(examine: Callable[[bytes], object], data: bytes) -> float:
    started = time.perf_counter()
    examine(data)
    return time.perf_counter() - started
