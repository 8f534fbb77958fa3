"""`make bench`: what the library costs, as ratios within one run, since machines differ.

    python -m tests.bench [--photos DIR] [--rows 10000] [--pictures 128]

Uses a folder of its own; CLIP is the ViT-B/32 architecture with random weights, which costs what
the real weights cost. Without --photos, drawn pictures are used.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

ROUNDS = 3


def main() -> None:
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="assetbank-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own where we are root
    # Registered first, so that it runs last: the servers stop while their folder is still there
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _set_up(folder)
    pictures = _pictures(arguments.photos, arguments.pictures)
    bench_indexing(folder, pictures)
    bench_questions(arguments.rows)
    bench_memory(folder, pictures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--photos", type=Path, help="A folder of pictures, read recursively.")
    parser.add_argument("--pictures", type=int, default=128, help="Indexed in each round.")
    parser.add_argument("--rows", type=int, default=10_000, help="Vectors behind the questions.")
    return parser.parse_args()


def _set_up(folder: Path) -> None:
    os.environ.update(
        DATA_DIR=str(folder),
        CLIP_MODEL=str(folder / "vit-b-32"),
        HF_HUB_OFFLINE="1",
        LOG_LEVEL="WARNING",
        DJANGO_SETTINGS_MODULE="assetbank.settings",
    )
    import django

    django.setup()
    from django.core.management import call_command

    from tests.checkpoints import save_vit_b32

    save_vit_b32(folder / "vit-b-32")
    call_command("migrate", verbosity=0)


def _pictures(folder: Path | None, count: int) -> list[bytes]:
    if folder:
        paths = sorted(path for path in folder.rglob("*.jp*g"))
        return [path.read_bytes() for path in paths[: count * (ROUNDS + 1)]]
    import datetime

    from assetbank.demo import catalogue

    print("No --photos: drawing pictures …")
    assets = catalogue.assets(datetime.date(2026, 1, 1))
    return [data for _, data in catalogue.draw_all(assets[:count])]


def line(what: str, value: str) -> None:
    print(f"  {what:62} {value}", flush=True)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


# ------------------------------------------------------------------------ (a) indexing


def bench_indexing(folder: Path, pictures: Sequence[bytes]) -> None:
    """Rounds of all candidates one after another, so that a noisy machine is noisy for each."""
    from django.conf import settings

    from search import indexing, spaces

    print(f"\n(a) indexing, {settings.INDEX_BATCH_SIZE} pictures a batch, ViT-B/32 architecture")
    encoder = spaces.image_encoder(settings.CLIP_MODEL)
    assert encoder.dimension == 512
    spaces.open_active()
    count = max(1, len(pictures) // (ROUNDS + 1)) if len(pictures) > 200 else len(pictures)
    rates: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        batch = [_unlike(data, number) for data in pictures[:count]]
        paths = _write(folder / f"round-{number}", batch)
        timed = {
            "forward only": seconds(partial(_forward, encoder, len(paths))),
            "a plain loop": seconds(partial(_plain_loop, paths)),
            "intake": seconds(partial(_store, batch, number)),
            "indexing": seconds(indexing.index),
        }
        for name, taken in timed.items():
            rates.setdefault(name, []).append(len(paths) / taken)
        whole = timed["intake"] + timed["indexing"]
        rates.setdefault("whole walk", []).append(len(paths) / whole)
    for name, values in rates.items():
        ratios = [v / f for v, f in zip(values, rates["forward only"], strict=True)]
        line(
            f"{name}: pictures/s, and as a ratio to forward only",
            f"{statistics.median(values):6.1f}   {statistics.median(ratios):.2f}",
        )
    line("indexing against a plain loop", _median_ratio(rates["indexing"], rates["a plain loop"]))


def _median_ratio(left: Iterable[float], right: Iterable[float]) -> str:
    return f"{statistics.median(a / b for a, b in zip(left, right, strict=True)):.2f}"


def _unlike(data: bytes, number: int) -> bytes:
    """Other bytes, same picture: bytes behind the end of a JPEG are ignored."""
    return data + bytes([number])


def _write(folder: Path, batch: Sequence[bytes]) -> list[Path]:
    folder.mkdir()
    paths = []
    for number, data in enumerate(batch):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(data)
    return paths


def _forward(encoder: Any, count: int) -> None:
    import numpy as np
    from django.conf import settings

    size = settings.INDEX_BATCH_SIZE
    pixels = np.random.default_rng(0).standard_normal((size, 3, 224, 224), dtype=np.float32)
    for start in range(0, count, size):
        encoder.encode_pixels(pixels[: min(size, count - start)])


def _plain_loop(paths: Sequence[Path]) -> None:
    """What one would write first: open, preprocess, encode, insert, one picture at a time."""
    import torch
    from django.conf import settings
    from PIL import Image
    from pymilvus import MilvusClient
    from transformers import AutoModel, AutoProcessor

    from assetbank.embedded import milvus as embedded

    model = AutoModel.from_pretrained(settings.CLIP_MODEL, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(settings.CLIP_MODEL, backend="pil")
    client = MilvusClient(embedded.ensure_running(settings.DATA_DIR / "milvus"), timeout=5)
    client.drop_collection("plain_loop")
    client.create_collection("plain_loop", dimension=512)
    for number, path in enumerate(paths):
        inputs = processor(images=Image.open(path).convert("RGB"), return_tensors="pt")
        with torch.inference_mode():
            vector = model.get_image_features(**inputs).pooler_output[0]
        row = {"id": number, "vector": (vector / vector.norm()).tolist(), "path": str(path)}
        client.insert("plain_loop", [row])
    client.drop_collection("plain_loop")


def _store(batch: Sequence[bytes], number: int) -> None:
    from assetbank import intake
    from assetbank.models import Brand

    brand, _ = Brand.objects.get_or_create(name="Bench", slug="bench")
    for index, data in enumerate(batch):
        stored = intake.store(brand=brand, file=data, filename=f"{number}-{index}.jpg", by=None)
        assert stored.created


# ------------------------------------------------------------------------ (b) questions


def bench_questions(rows: int) -> None:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client
    from rest_framework.authtoken.models import Token

    from assetbank.models import Brand, Membership
    from search import milvus, queries

    print(f"\n(b) GET /api/v1/assets/?q=, 48 of {rows:,} rows, 512 dimensions, Milvus Lite")
    brand, _ = Brand.objects.get_or_create(name="Bench", slug="bench")
    _fill(brand, rows)
    person = User.objects.create_user("bench")
    Membership.objects.create(brand=brand, user=person)
    client = Client(headers={"authorization": f"Token {Token.objects.create(user=person).key}"})
    text_encoder = queries._text_encoder(settings.CLIP_MODEL)
    questions = [f"a {colour} bag, number {n}" for n in range(24) for colour in ("red", "blue")]

    def ask(text: str) -> None:
        response = client.get("/api/v1/assets/", {"q": text, "limit": "48"})
        assert response.content.count(b'"checksum"') == 48, response.content

    def raw(text: str) -> None:
        vector = text_encoder.encode([text])[0]
        assert len(milvus.search(vector, limit=48, where="")) == 48

    queries.warm_up()  # as a web process does
    for text in ("warm", "up"):
        ask(text)
        raw(text)
    taken: dict[str, list[float]] = {"raw": [], "api": [], "again": []}
    for text in questions:
        taken["raw"].append(seconds(partial(raw, text)))
        taken["api"].append(seconds(partial(ask, text)))
        taken["again"].append(seconds(partial(ask, text)))
    names = {
        "raw": "text encode + raw Milvus search",
        "api": "the API",
        "again": "the API, the same question again",
    }
    base = _percentiles(taken["raw"])
    for name, label in names.items():
        p50, p95 = _percentiles(taken[name])
        line(
            f"{label}: p50 and p95 in ms, and as ratios",
            f"{p50 * 1e3:6.1f} {p95 * 1e3:6.1f}   {p50 / base[0]:.2f} {p95 / base[1]:.2f}",
        )


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(values, n=20)
    return statistics.median(values), cuts[18]


def _fill(brand: Any, rows: int) -> None:
    """Assets, embeddings and vectors straight into their places: CLIP is not what is measured."""
    import numpy as np

    from assetbank.models import Asset
    from search import indexing, milvus, spaces
    from search.models import Embedding

    space = spaces.open_active()
    generator = np.random.default_rng(1)
    centres = generator.standard_normal((200, 512), dtype=np.float32)
    for start in range(0, rows, 1000):
        count = min(1000, rows - start)
        vectors = centres[generator.integers(0, 200, count)]
        vectors = vectors + 0.7 * generator.standard_normal(vectors.shape, dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        assets = Asset.objects.bulk_create(
            Asset(
                brand=brand,
                title=f"Row {n}",
                filename=f"{n}.jpg",
                file=f"originals/{n}.jpg",
                checksum=f"{n:064x}",
                mime="image/jpeg",
                width=400,
                height=534,
                bytes=28_000,
            )
            for n in range(start, start + count)
        )
        embeddings = [
            Embedding(
                asset=asset,
                state="indexed",
                fingerprint=space.fingerprint,
                checksum=asset.checksum,
                vector_bytes=vector.tobytes(),
            )
            for asset, vector in zip(assets, vectors, strict=True)
        ]
        Embedding.objects.bulk_create(embeddings)
        milvus.upsert(
            [
                milvus.Row(asset.pk, vector, indexing.scalars(asset))
                for asset, vector in zip(assets, vectors, strict=True)
            ]
        )
    milvus.settle()


# ------------------------------------------------------------------------ (c) memory


WEB = """
import django; django.setup()
from django.contrib.auth.models import User
from django.test import Client
client = Client(); client.force_login(User.objects.get(username="bench"))
assert client.get("/", {"q": "a red bag"}).status_code == 200
"""
WORKER = """
import django; django.setup()
from search import indexing
assert indexing.index() > 0
"""
PEAK = """
import re
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def bench_memory(folder: Path, pictures: Sequence[bytes]) -> None:
    print("\n(c) peak memory (resident; weights are shared between processes)")
    _store([_unlike(data, ROUNDS) for data in pictures[:64]], ROUNDS)
    for name, program in (("index worker", WORKER), ("web process", WEB)):
        output = subprocess.run(
            [sys.executable, "-c", program + PEAK], check=True, capture_output=True, text=True
        ).stdout
        line(f"{name}: MB", f"{int(output.split()[-1]) / 1024:6.0f}")


if __name__ == "__main__":
    main()
