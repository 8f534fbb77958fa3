"""The whole walk 1, a folder imported and then indexed, against the plain model alone in float32,
and against a plain loop."""

from __future__ import annotations

import contextlib
import io
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench import line, median_ratio, seconds

ROUNDS = 3


def pictures(folder: Path | None, count: int) -> list[bytes]:
    if folder:
        paths = sorted(path for path in folder.rglob("*.jp*g"))
        return [path.read_bytes() for path in paths[: count * (ROUNDS + 1)]]
    import datetime

    from assetbank.demo.catalogue import assets as catalogue

    print("No --photos: drawing pictures …")
    assets = catalogue.assets(datetime.date(2026, 1, 1))
    return [data for _, data in catalogue.draw_all(assets[:count])]


def bench(folder: Path, pictures: Sequence[bytes]) -> None:
    """Rounds of all candidates one after another, so that a noisy machine is noisy for each."""
    from django.conf import settings

    from assetbank.models import Brand
    from search.indexing import pipeline, space_encoders, spaces

    print(f"\n(a) indexing, {settings.INDEX_BATCH_SIZE} pictures a batch, ViT-B/32 architecture")
    encoder = space_encoders.image_encoder(settings.CLIP_MODEL)
    assert encoder.dimension == 512
    spaces.ensure_active_space()
    Brand.objects.get_or_create(name="Bench", slug="bench")
    forward = _forward_only()
    count = max(1, len(pictures) // (ROUNDS + 1)) if len(pictures) > 200 else len(pictures)
    rates: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        batch = [unlike(data, number) for data in pictures[:count]]
        paths = _write(folder / f"round-{number}", batch)
        timed = {
            "forward only": seconds(partial(forward, len(paths))),
            "our encoder only": seconds(partial(_encode_only, encoder, len(paths))),
            "a plain loop": seconds(partial(_plain_loop, paths)),
            "intake": seconds(partial(_import, paths[0].parent)),
            "indexing": seconds(pipeline.index_pending),
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
    line(
        "indexing against a plain loop",
        f"{median_ratio(rates['indexing'], rates['a plain loop']):.2f}",
    )


def unlike(data: bytes, number: int) -> bytes:
    """Other bytes, same picture: bytes behind the end of a JPEG are ignored."""
    return data + bytes([number])


def _write(folder: Path, batch: Sequence[bytes]) -> list[Path]:
    folder.mkdir()
    paths = []
    for number, data in enumerate(batch):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(data)
    return paths


def _forward_only() -> Callable[[int], None]:
    """The model as transformers gives it: the same weights, batch and threads."""
    import torch
    from django.conf import settings
    from transformers import AutoModel

    model = AutoModel.from_pretrained(settings.CLIP_MODEL, dtype=torch.float32).eval()

    def run(count: int) -> None:
        for pixels in _batches(count):
            with torch.inference_mode():
                model.get_image_features(pixel_values=torch.from_numpy(pixels))

    return run


def _encode_only(encoder: Any, count: int) -> None:
    for pixels in _batches(count):
        encoder.encode_pixels(pixels)


def _batches(count: int) -> Iterator[Any]:
    import numpy as np
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


def _plain_loop(paths: Sequence[Path]) -> None:
    """Run the baseline: open, preprocess, encode and insert one image at a time."""
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


def store(batch: Sequence[bytes], number: int) -> None:
    from assetbank.assets import ingest_asset
    from assetbank.models import Brand

    brand, _ = Brand.objects.get_or_create(name="Bench", slug="bench")
    for index, data in enumerate(batch):
        stored = ingest_asset(brand=brand, file=data, filename=f"{number}-{index}.jpg", by=None)
        assert stored.created
