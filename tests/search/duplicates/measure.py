"""Measure the detection of duplicates, on photographs and copies made of them.

    python -m tests.search.duplicates.measure --photos DIR [--originals 150] [--seed 1]

All photographs are the library. Each copy is handled like a new asset: its candidates, by
perceptual hash and by CLIP, are compared pixel by pixel. Photographs are also compared with each
other. ViT-B/32 has random weights, which shows the result for an encoder that knows nothing of such
images. It takes about fifteen minutes; fewer --originals take less.
"""

# ruff: noqa: T201 - prints a table

from __future__ import annotations

import argparse
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from assetbank.media.phash import distance, perceptual_hash
from search.duplicates.pixel_match import (
    HASH_BITS,
    NEAREST_HASHES,
    NEAREST_VECTORS,
    SAME_THRESHOLD,
    PixelArrays,
    pixel_arrays,
    same_image_score,
)
from search.encoders import DEMO_FOLDER, ImageEncoder
from tests.search.duplicates.copies import COPIES
from tests.support.checkpoints import save_vit_b32

RENDITION = 480
Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Asset:
    kind: str  # kind of copy; "" for an original
    original: int
    picture: Image.Image


def main() -> None:
    arguments = _arguments()
    library, copies = _assets(arguments.photos, arguments.originals, arguments.seed)
    every = library + copies
    print(f"{len(library)} photographs, {len(copies)} copies of {arguments.originals} of them")
    by_hash = _by_hash(every, library)
    with tempfile.TemporaryDirectory() as folder:
        folders = {"demo encoder": DEMO_FOLDER, "random ViT-B/32": save_vit_b32(Path(folder))}
        by_vector = {name: _by_vector(path, every, library) for name, path in folders.items()}
    pairs = {
        (asset, int(other))
        for ranked in (by_hash, *by_vector.values())
        for asset, others in enumerate(ranked)
        for other in others
        if other != asset
    }
    same, milliseconds = _compared(sorted(pairs), every, library)
    for name, ranked in by_vector.items():
        print(f"\n{name}")
        _report(every, by_hash, ranked, same)
    print(f"\n{len(pairs)} pairs compared, {milliseconds:.0f} ms each (median)")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--originals", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _assets(folder: Path, originals: int, seed: int) -> tuple[list[Asset], list[Asset]]:
    """Store each file as its asset's renditions, and return the assets."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"})
    photos = [Image.open(path).convert("RGB") for path in files]
    chosen = sorted(random.Random(seed).sample(range(len(photos)), originals))
    copies = [
        Asset(copy.__name__, at, copy(photos[at], random.Random(f"{seed} {at} {copy.__name__}")))
        for copy in COPIES
        for at in chosen
    ]
    library = [Asset("", at, photo) for at, photo in enumerate(photos)]
    for asset in library + copies:
        asset.picture.thumbnail((RENDITION, RENDITION), Image.Resampling.LANCZOS)
    return library, copies


def _by_hash(assets: Sequence[Asset], library: Sequence[Asset]) -> list[Indexes]:
    """Return for each asset the library assets with the nearest hash."""
    hashes = [perceptual_hash(asset.picture) for asset in assets]
    nearest = []
    for at, value in enumerate(hashes):
        bits = np.array([distance(value, other) for other in hashes[: len(library)]])
        nearest.append(_first(bits.astype(np.float64), at, NEAREST_HASHES, HASH_BITS))
    return nearest


def _by_vector(folder: Path, assets: Sequence[Asset], library: Sequence[Asset]) -> list[Indexes]:
    vectors = ImageEncoder(str(folder)).encode([asset.picture for asset in assets])
    distances = 1 - vectors @ vectors[: len(library)].T
    return [_first(row, at, NEAREST_VECTORS) for at, row in enumerate(distances)]


def _first(distances: npt.NDArray[Any], itself: int, most: int, limit: float = np.inf) -> Indexes:
    nearest = np.argsort(distances, kind="stable")
    chosen: Indexes = nearest[(distances[nearest] <= limit) & (nearest != itself)][:most]
    return chosen


def _compared(
    pairs: Sequence[tuple[int, int]], assets: Sequence[Asset], library: Sequence[Asset]
) -> tuple[set[tuple[int, int]], float]:
    """Return the pairs that are the same image, and the milliseconds per pair."""
    thumbs = [pixel_arrays(asset.picture) for asset in assets]
    queue: list[tuple[PixelArrays, PixelArrays]] = [
        (thumbs[first], thumbs[second]) for first, second in pairs
    ]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        outcomes = pool.starmap(_timed, queue, chunksize=64)
    same = {
        pair for pair, (score, _) in zip(pairs, outcomes, strict=True) if score >= SAME_THRESHOLD
    }
    return same, 1000 * float(np.median([seconds for _, seconds in outcomes]))


def _timed(first: PixelArrays, second: PixelArrays) -> tuple[float, float]:
    started = time.perf_counter()
    return same_image_score(first, second), time.perf_counter() - started


def _report(
    assets: Sequence[Asset],
    by_hash: Sequence[Indexes],
    by_vector: Sequence[Indexes],
    same: set[tuple[int, int]],
) -> None:
    candidates = [set(near) | set(like) for near, like in zip(by_hash, by_vector, strict=True)]
    named = [(at, other) for at, others in enumerate(candidates) for other in others]
    named = [pair for pair in named if pair in same]
    right = {at for at, other in named if assets[at].kind and assets[at].original == other}
    wrong = [pair for pair in named if assets[pair[0]].original != pair[1]]
    copies = [at for at, asset in enumerate(assets) if asset.kind]

    def share(chosen: Sequence[int], hit: Callable[[int], bool]) -> str:
        return f"{sum(map(hit, chosen)) / len(chosen):8.3f}"

    def among(ranked: Sequence[Any], at: int) -> bool:
        return assets[at].original in ranked[at]

    print(f"{'copies':14}  by hash  by CLIP   either    found")
    for kind in [*dict.fromkeys(assets[at].kind for at in copies), "all"]:
        chosen = [at for at in copies if kind in ("all", assets[at].kind)]
        columns = [share(chosen, partial(among, rank)) for rank in (by_hash, by_vector, candidates)]
        print(f"{kind:14}", *columns, share(chosen, right.__contains__))
    among_originals = {frozenset(pair) for pair in wrong if not assets[pair[0]].kind}
    print(
        f"precision {len(right) / (len(right) + len(wrong)):.4f}: {len(wrong)} wrong, of them "
        f"{len(among_originals)} pairs of photographs {sorted(map(sorted, among_originals))}; "
        f"{np.mean([len(others) for others in candidates]):.1f} candidates of an asset"
    )


if __name__ == "__main__":
    main()
