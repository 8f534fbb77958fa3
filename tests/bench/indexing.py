"""The whole walk 1, a folder imported and then indexed, of small photographs and of 24 megapixels.

Compared, in rounds, with the model alone in float32, with decoding and rendering alone, and with a
plain loop.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.bench import line, median_ratio, seconds

ROUNDS = 3
LARGE = 24  # how many large pictures are indexed in each round
LARGE_PIXELS = 24e6


def pictures(folder: Path | None, count: int) -> list[bytes]:
    if folder:
        paths = sorted(path for path in folder.rglob("*.jp*g"))
        return [path.read_bytes() for path in paths[: count * (ROUNDS + 1)]]
    import datetime

    from assetbank.demo.catalogue import assets as catalogue

    print("No --photos: drawing pictures …")
    assets = catalogue.assets(datetime.date(2026, 1, 1))
    return [data for _, data in catalogue.draw_all(assets[:count])]


def enlarge(data: bytes, pixels: float = LARGE_PIXELS) -> bytes:
    """Return a JPEG of so many pixels, with grain, which makes it as hard to decode as a photo."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = (pixels / (image.width * image.height)) ** 0.5
    size = (round(image.width * scale), round(image.height * scale))
    values = np.asarray(image.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    values += np.random.default_rng(0).integers(-6, 7, values.shape[:2], np.int16)[..., None]
    buffer = io.BytesIO()
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def bench(folder: Path, pictures: Sequence[bytes], large: int = LARGE) -> None:
    """Benchmark small and large pictures, `large` of them in each round."""
    from django.conf import settings

    from assetbank.models import Brand
    from search.indexing import space_encoders, spaces

    print(f"\n(a) indexing, {settings.INDEX_BATCH_SIZE} pictures a batch, ViT-B/32 architecture")
    encoder = space_encoders.image_encoder(settings.CLIP_MODEL)
    assert encoder.dimension == 512
    spaces.ensure_active_space()
    Brand.objects.get_or_create(name="Bench", slug="bench")
    count = max(1, len(pictures) // (ROUNDS + 1)) if len(pictures) > 200 else len(pictures)
    model = _plain_model()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        list(pool.map(_decode_and_render, pictures[:8]))  # starts the processes
        for name, some in (
            ("as they are", pictures[:count]),
            (f"{LARGE_PIXELS / 1e6:.0f} megapixels", list(pool.map(enlarge, pictures[:large]))),
        ):
            if some:
                _rounds(folder / name.replace(" ", "-"), name, some, encoder, model, pool)


def _rounds(
    folder: Path, name: str, some: Sequence[bytes], encoder: Any, model: Any, pool: Executor
) -> None:
    """Rounds of all candidates one after another, so that a noisy machine is noisy for each."""
    from search.indexing import pipeline

    rates: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        batch = [unlike(data, number) for data in some]
        paths = _write(folder / f"round-{number}", batch)
        timed = {
            "forward only": seconds(partial(_forward_only, model, len(paths))),
            "our encoder only": seconds(partial(_encode_only, encoder, len(paths))),
            "decoding and rendering only": seconds(partial(_render_only, pool, batch)),
            "a plain loop": seconds(partial(_plain_loop, paths, model)),
            "intake": seconds(partial(_import, paths[0].parent)),
            "indexing": seconds(pipeline.index_pending),
        }
        timed["whole walk"] = timed["intake"] + timed["indexing"]
        for each, taken in timed.items():
            rates.setdefault(each, []).append(len(paths) / taken)
    print(f"  {len(some)} pictures, {name}; a second, and as a ratio to forward only")
    for each, values in rates.items():
        ratio = median_ratio(values, rates["forward only"])
        line(each, f"{statistics.median(values):6.1f}   {ratio:.2f}")
    for ours, theirs in (
        ("whole walk", "forward only"),
        ("intake", "decoding and rendering only"),
        ("whole walk", "a plain loop"),
    ):
        line(f"{name}: {ours} against {theirs}", f"{median_ratio(rates[ours], rates[theirs]):.2f}")


def unlike(data: bytes, number: int) -> bytes:
    """Other bytes, same picture: bytes behind the end of a JPEG are ignored."""
    return data + bytes([number])


def _write(folder: Path, batch: Sequence[bytes]) -> list[Path]:
    folder.mkdir(parents=True)
    paths = []
    for number, data in enumerate(batch):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(data)
    return paths


def _plain_model() -> Any:
    """The model as transformers gives it: the same weights, batch and threads."""
    import torch
    from django.conf import settings
    from transformers import AutoModel

    return AutoModel.from_pretrained(settings.CLIP_MODEL, dtype=torch.float32).eval()


def _forward_only(model: Any, count: int) -> None:
    import torch

    for pixels in _batches(count):
        with torch.inference_mode():
            model.get_image_features(pixel_values=torch.from_numpy(pixels))


def _decode_and_render(data: bytes) -> int:
    """Decode once, at a reduced size if the JPEG allows, and encode both renditions: the least that
    intake can do. Returns their bytes."""
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (1_600, 1_600))
    total = 0
    for side in (1_600, 480):
        image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=88, method=0)
        total += buffer.tell()
    return total


def _render_only(pool: Executor, batch: Sequence[bytes]) -> None:
    assert all(pool.map(_decode_and_render, batch))


def _encode_only(encoder: Any, count: int) -> None:
    for pixels in _batches(count):
        encoder.encode_pixels(pixels)


def _batches(count: int) -> Iterator[Any]:
    from django.conf import settings

    size = settings.INDEX_BATCH_SIZE
    pixels = np.random.default_rng(0).standard_normal((size, 3, 224, 224), dtype=np.float32)
    for start in range(0, count, size):
        yield pixels[: min(size, count - start)]


def _import(folder: Path) -> None:
    """Import a folder by the command, with its progress bar; the output is discarded."""
    from django.core.management import call_command

    with contextlib.redirect_stdout(io.StringIO()) as said:
        call_command("import_assets", str(folder), "--brand=bench", stdout=said)
    assert f"{len(list(folder.iterdir()))} new, 0 existing, 0 skipped." in said.getvalue()


def _plain_loop(paths: Sequence[Path], model: Any) -> None:
    """Run the baseline: open, preprocess, encode and insert one image at a time."""
    import torch
    from django.conf import settings
    from pymilvus import MilvusClient
    from transformers import AutoProcessor

    from assetbank.embedded import milvus as embedded

    processor = AutoProcessor.from_pretrained(settings.CLIP_MODEL, backend="pil")
    client = MilvusClient(
        embedded.ensure_running(settings.DATA_DIR / "milvus"),
        timeout=5,
        # pymilvus pings every 10 s; the server ends a connection that does so for long
        grpc_options={"grpc.keepalive_time_ms": 600_000},
    )
    client.drop_collection("plain_loop")
    client.create_collection("plain_loop", dimension=512)
    for number, path in enumerate(paths):
        inputs = processor(images=Image.open(path).convert("RGB"), return_tensors="pt")
        with torch.inference_mode():
            vector = model.get_image_features(**inputs).pooler_output[0]
        row = {"id": number, "vector": (vector / vector.norm()).tolist(), "path": str(path)}
        client.insert("plain_loop", [row])
    client.drop_collection("plain_loop")


def store(batch: Sequence[bytes], number: int) -> None:
    from assetbank.assets import ingest_asset
    from assetbank.models import Brand

    brand, _ = Brand.objects.get_or_create(name="Bench", slug="bench")
    for index, data in enumerate(batch):
        stored = ingest_asset(brand=brand, file=data, filename=f"{number}-{index}.jpg", by=None)
        assert stored.created
