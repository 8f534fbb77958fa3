"""What the library costs, as ratios within one run.

    python -m tests.bench [--photos DIR] [--rows 10000 100000] [--only indexing questions store]
                          [--server lite|milvus] [--pictures 128] [--large 24] [--bfloat16]

Uses a folder of its own; CLIP is the ViT-B/32 architecture with random weights, which costs what
the real weights cost. Without --photos, drawn pictures are used. `--server milvus` is the real
server of the package `milvus`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support import watchdog

PARTS = ("indexing", "questions", "store", "memory")


def main() -> None:
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix=f"{watchdog.PREFIX}bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own where we are root
    watchdog.watch(folder)
    _set_up(folder, bfloat16=arguments.bfloat16)
    from tests.bench import indexing, memory, questions, store

    with _server(arguments.server, folder):
        pictures = indexing.pictures(arguments.photos, arguments.pictures)
        if "indexing" in arguments.only:
            indexing.bench(folder, pictures, arguments.large)
        if "questions" in arguments.only:
            questions.bench(arguments.rows, pictures)
        if "memory" in arguments.only and arguments.server == "lite":
            memory.bench(pictures)
        if "store" in arguments.only:
            store.bench(arguments.rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--photos", type=Path, help="A folder of pictures, read recursively.")
    parser.add_argument("--pictures", type=int, default=128, help="Indexed in each round.")
    parser.add_argument("--large", type=int, default=24, help="Of 24 megapixels in each round.")
    parser.add_argument("--bfloat16", action="store_true", help="Accelerate the encoder.")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--server", choices=["lite", "milvus"], default="lite")
    return parser.parse_args()


def _set_up(folder: Path, *, bfloat16: bool = False) -> None:
    os.environ.update(
        DATA_DIR=str(folder),
        CLIP_MODEL=str(folder / "vit-b-32"),
        HF_HUB_OFFLINE="1",
        LOG_LEVEL="ERROR",
        DJANGO_SETTINGS_MODULE="assetbank.settings",
    )
    import django

    django.setup()
    from django.core.management import call_command

    from search.encoders import bfloat16 as accelerator
    from tests.support.checkpoints import save_vit_b32

    if not bfloat16:
        accelerator.is_native = lambda: False
    save_vit_b32(folder / "vit-b-32")
    call_command("migrate", verbosity=0)


@contextlib.contextmanager
def _server(which: str, folder: Path) -> Iterator[None]:
    from django.test import override_settings

    from tests.support import milvus_server

    with contextlib.ExitStack() as stack:
        if which == "milvus":
            uri = stack.enter_context(milvus_server.running(folder / "milvus-server"))
            stack.enter_context(override_settings(MILVUS_URI=uri))
        yield


if __name__ == "__main__":
    main()
