"""`make bench`: what the library costs, as ratios within one run, since machines differ."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence


def line(what: str, value: str) -> None:
    print(f"  {what:66} {value}", flush=True)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The median, and what 95 % are below."""
    return statistics.median(values), statistics.quantiles(values, n=20)[18]


def median_ratio(left: Iterable[float], right: Iterable[float]) -> float:
    return statistics.median(a / b for a, b in zip(left, right, strict=True))
