"""Resolution of the configured encoder to a folder with a complete checkpoint on this machine.

Knows transformers' file layout and the model hub, but runs neither torch nor transformers.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

DEFAULT_MODEL = "openai/clip-vit-base-patch32"
DEMO_FOLDER = Path(__file__).resolve().parent / "demo" / "checkpoint"
DEMO_SENTENCE = (
    "The bundled demo encoder only recognises the drawn demo products. Set CLIP_MODEL for "
    "real photographs."
)
HUB_SECONDS = 4.0  # deadline for asking the hub about a model

Say = Callable[[str], None]
T = TypeVar("T")


class EncoderError(Exception):
    """Unusable encoder; the message is a sentence that a user can act on."""


class EncoderUnavailable(EncoderError):
    """No encoder: the folder is missing or malformed, or the hub is unreachable."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on this machine."""

    name: str  # configured name (folder or hub id), or "demo"
    source: str  # a folder on this machine
    is_demo: bool
    sentence: str  # description shown on pages


def resolve(
    model: str, *, allow_demo: bool, offline: bool = False, say: Say = lambda _: None
) -> Checkpoint:
    """Return the encoder that `model` names.

    `model` is a folder, a hub id, "demo", or "" for the best available. A named encoder is never
    replaced by another. Only "" may fall back on the demo encoder, and only with `allow_demo`.
    Downloads when needed, unless `offline`. `say` receives progress sentences. Raises
    EncoderUnavailable.
    """
    if not model:
        try:
            return _checkpoint(DEFAULT_MODEL, _fetch(DEFAULT_MODEL, offline=offline, say=say))
        except EncoderUnavailable as error:
            if not allow_demo:
                raise
            say(f"{error} Using the bundled demo encoder instead.")
            return _checkpoint("demo", DEMO_FOLDER)
    folder = DEMO_FOLDER if model == "demo" else Path(model).expanduser()
    if folder.exists():
        return _checkpoint(model, folder)
    if model.startswith((".", "~", "/", "\\")) or model.count("/") > 1:
        raise EncoderUnavailable(f"{model} is not an encoder: this folder does not exist.")
    return _checkpoint(model, _fetch(model, offline=offline, say=say))


def _checkpoint(name: str, folder: Path) -> Checkpoint:
    if missing := _missing(folder):
        raise EncoderUnavailable(
            f"{folder} is not a CLIP checkpoint: it has no {missing}. An encoder is a folder "
            "saved by transformers (weights, tokenizer and image processor) or a hub id."
        )
    if folder.resolve() == DEMO_FOLDER:
        return Checkpoint("demo", str(DEMO_FOLDER), True, DEMO_SENTENCE)
    return Checkpoint(name, str(folder.resolve()), False, f"CLIP model {name}.")


def _missing(folder: Path) -> str | None:
    """Return the first file that a folder lacks to be a complete checkpoint; None if complete.

    Also detects a copy in the hub's cache whose download was interrupted.
    """
    needed = (
        ("config.json",),
        ("preprocessor_config.json", "processor_config.json"),
        ("tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model"),
    )
    for names in needed:
        if not any((folder / name).is_file() for name in names):
            return names[0]
    files = weights(folder) or [folder / "model.safetensors"]
    return next((path.name for path in files if not path.is_file()), None)


def weights(folder: Path) -> list[Path]:
    """Return the weight files; of a sharded checkpoint all that its index names."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return [folder / name]
        if (index := folder / f"{name}.index.json").is_file():
            shards: dict[str, str] = json.loads(index.read_bytes())["weight_map"]
            return [folder / shard for shard in sorted(set(shards.values()))]
    return []


def _fetch(model: str, *, offline: bool, say: Say) -> Path:
    """Return the folder of a hub model: from this machine's cache, else downloaded into it.

    Raises EncoderUnavailable.
    """
    from huggingface_hub import snapshot_download, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    hint = "Use a folder with a CLIP checkpoint, or connect to the internet once to download it."
    try:
        # Not snapshot_download: it rejects a copy without the weights of other frameworks
        config = try_to_load_from_cache(model, "config.json")
    except HFValidationError as error:
        raise EncoderUnavailable(
            f"{model!r} is not an encoder: it is neither a folder on this machine nor a "
            "model ID on the hub."
        ) from error
    if isinstance(config, str) and not _missing(Path(config).parent):
        return Path(config).parent
    if offline:
        raise EncoderUnavailable(f"{model} is not on this machine, and downloads are off. {hint}")
    try:
        sizes = _with_deadline(HUB_SECONDS, lambda: _files(model))
        say(f"Downloading {model} ({sum(sizes.values()) / 1e6:.0f} MB), once.")
        return Path(snapshot_download(model, allow_patterns=list(sizes)))
    except RepositoryNotFoundError as error:
        raise EncoderUnavailable(
            f"The hub has no model {model}, or access to it is restricted."
        ) from error
    except Exception as error:  # the hub's client passes on exceptions of several libraries
        raise EncoderUnavailable(
            f"{model} is not on this machine, and fetching it from the hub failed: "
            f"{first_line(error)}. {hint}"
        ) from error


def _files(model: str) -> dict[str, int]:
    """Return the files of a hub model that loading needs, with their sizes in bytes.

    Leaves out the weights of other frameworks, three times the size of these.
    """
    from huggingface_hub import HfApi

    info = HfApi().model_info(model, files_metadata=True, timeout=HUB_SECONDS)
    sizes = {f.rfilename: f.size or 0 for f in info.siblings or [] if "/" not in f.rfilename}
    safe = [n for n in sizes if n.startswith("model") and n.endswith(".safetensors")]
    weights = safe or [n for n in sizes if n.startswith("pytorch_model")]
    return {
        n: s for n, s in sizes.items() if n in weights or n.endswith((".json", ".txt", ".model"))
    }


def _with_deadline(seconds: float, call: Callable[[], T]) -> T:
    """Return `call()`. Raises TimeoutError after `seconds`.

    A client's timeout applies to each address of a host in turn, and not to the look-up of its
    name: behind a firewall that drops packets these add up to minutes.
    """
    answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} seconds") from None
    if answer is None:
        raise error or TimeoutError("no answer")
    return answer


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def fingerprint(folder: Path) -> str:
    """Return the identity of an encoder's vectors: of weights, architecture and preprocessing.

    Only blocks of a large file are read, so 600 MB take milliseconds. The tokenizer is left out: it
    affects queries, not the index.
    """
    digest = hashlib.sha256()
    for name in ("config.json", "preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    block = 65_536
    for path in weights(folder):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            for start in range(0, size, max(block, size // 64)):
                file.seek(start)
                digest.update(file.read(block))
    return digest.hexdigest()[:16]
