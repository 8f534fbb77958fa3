"""Training images, and the combinations that are held out of them for evaluation."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assetbank.demo.drawing.render import render
from assetbank.demo.drawing.specs import Spec, random_spec

SIZE = 128  # pixels per side; the encoder gets random crops of this, scaled to 112
CHUNK = 500  # images per job
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Drawings:
    """Drawn images with their specs."""

    specs: list[Spec]
    pixels: npt.NDArray[np.uint8]  # [n, SIZE, SIZE, 3], on disk


def is_held_out_pair(spec: Spec) -> bool:
    """Return True if object and colour are never trained on together: four pairs of a hundred."""
    return _hash("pair", spec.obj, spec.colour) % 100 < 4


def is_held_out(spec: Spec) -> bool:
    """Return True if object, colour and scene are never trained on together."""
    return is_held_out_pair(spec) or _hash("triple", spec.obj, spec.colour, spec.scene) % 100 < 12


def _hash(*parts: str) -> int:
    """Return a hash that is stable between runs and machines, unlike `hash`."""
    digest = hashlib.md5("|".join(parts).encode(), usedforsecurity=False)
    return int(digest.hexdigest()[:8], 16)


def training_set(folder: Path, count: int, progress: Progress = lambda _: None) -> Drawings:
    """Return `count` images, drawn into `folder`, or found there from an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    path, done = folder / "pixels.npy", folder / "specs.json"
    rng = random.Random(1000)
    specs = [random_spec(rng, lambda spec: not is_held_out(spec)) for _ in range(count)]
    listing = json.dumps([astuple(spec) for spec in specs])
    if not (path.is_file() and done.is_file() and done.read_text() == listing):
        done.unlink(missing_ok=True)
        shape = (count, SIZE, SIZE, 3)
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
        _draw_all(path, specs, progress)
        done.write_text(listing)
    return Drawings(specs, np.load(path, mmap_mode="r"))


def _draw_all(path: Path, specs: Sequence[Spec], progress: Progress) -> None:
    starts = range(0, len(specs), CHUNK)
    if len(starts) == 1:  # starting processes would take longer than drawing
        _draw(path, 0, specs)
        return
    # Spawned, because forking a process with threads (torch, Django) can hang
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawn) as pool:
        jobs = [pool.submit(_draw, path, start, specs[start : start + CHUNK]) for start in starts]
        for finished, job in enumerate(as_completed(jobs), 1):
            job.result()
            progress(f"drawn {min(finished * CHUNK, len(specs))} of {len(specs)}")


def _draw(path: Path, start: int, specs: Sequence[Spec]) -> None:
    pixels = np.load(path, mmap_mode="r+")
    for row, spec in enumerate(specs, start):
        pixels[row] = np.asarray(render(spec, SIZE))
    pixels.flush()
