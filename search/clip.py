"""Pictures and texts as vectors in one space: the only file that runs torch and transformers.

Both are imported on first use, inside methods: importing this module costs nothing. Vectors are
float32 and of length one, so an inner product is a cosine.
"""

from __future__ import annotations

import hashlib
import json
import math
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

DEFAULT_MODEL = "openai/clip-vit-base-patch32"
DEMO_FOLDER = Path(__file__).resolve().parent / "demo_clip" / "checkpoint"
DEMO_SENTENCE = (
    "Bundled demo encoder: knows drawn products only. Set CLIP_MODEL for real photographs."
)
HUB_SECONDS = 4.0
BATCH = 8  # past eight pictures at a time a CPU gains nothing

Floats = npt.NDArray[np.float32]
Say = Callable[[str], None]
T = TypeVar("T")


class EncoderError(Exception):
    """Something about the encoder is wrong; the message is a sentence a person can act on."""


class EncoderUnavailable(EncoderError):
    """No encoder: the folder is missing or malformed, or the hub was not reached."""


class UnreadableVector(EncoderError):
    """The model gave vectors that no index can use; `rows` says which of the batch."""

    def __init__(self, rows: Sequence[int]) -> None:
        self.rows = list(rows)
        super().__init__(
            "The encoder gave no usable vector (not finite, or zero) for row "
            f"{', '.join(map(str, rows))}."
        )


@dataclass(frozen=True)
class Checkpoint:
    name: str  # what was configured, or "demo"
    source: str  # a folder on this machine
    is_demo: bool
    sentence: str  # what the pages show


# ------------------------------------------------------------------------------ which encoder


def resolve(
    model: str, *, allow_demo: bool, offline: bool = False, say: Say = lambda _: None
) -> Checkpoint:
    """The encoder that `model` names: a folder, a hub id, "demo", or "" for the best there is.

    What was named is never replaced by another. Only "" may fall back on the demo encoder, and
    only with `allow_demo`. Downloads when needed, unless `offline`. Raises EncoderUnavailable.
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
        raise EncoderUnavailable(f"CLIP_MODEL names {model}, but there is no such folder.")
    return _checkpoint(model, _fetch(model, offline=offline, say=say))


def _checkpoint(name: str, folder: Path) -> Checkpoint:
    if missing := _missing(folder):
        raise EncoderUnavailable(
            f"{folder} is not a CLIP checkpoint: it has no {missing}. CLIP_MODEL must name a "
            "folder saved by transformers (weights, tokenizer and image processor) or a hub id."
        )
    if folder.resolve() == DEMO_FOLDER:
        return Checkpoint("demo", str(DEMO_FOLDER), True, DEMO_SENTENCE)
    return Checkpoint(name, str(folder.resolve()), False, f"CLIP model {name}.")


def _missing(folder: Path) -> str | None:
    """What a folder lacks to be a whole checkpoint; None if nothing.

    Also tells a copy in the hub's cache whose download broke off.
    """
    needed = (
        ("config.json",),
        ("preprocessor_config.json", "processor_config.json"),
        ("tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model"),
    )
    for names in needed:
        if not any((folder / name).is_file() for name in names):
            return names[0]
    weights = _weights(folder) or [folder / "model.safetensors"]
    return next((path.name for path in weights if not path.is_file()), None)


def _weights(folder: Path) -> list[Path]:
    """The weight files; of a sharded checkpoint all that its index names, there or not."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return [folder / name]
        if (index := folder / f"{name}.index.json").is_file():
            shards: dict[str, str] = json.loads(index.read_bytes())["weight_map"]
            return [folder / shard for shard in sorted(set(shards.values()))]
    return []


def _fetch(model: str, *, offline: bool, say: Say) -> Path:
    """The folder of a hub model: from the cache of this machine, else downloaded into it."""
    from huggingface_hub import snapshot_download, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    hint = "Set CLIP_MODEL to a folder with a CLIP checkpoint, or connect once to download it."
    try:
        # Not snapshot_download: it takes a copy without the weights of other frameworks for broken
        config = try_to_load_from_cache(model, "config.json")
    except HFValidationError as error:
        raise EncoderUnavailable(
            f"CLIP_MODEL is {model!r}: neither a folder on this machine nor a name on the hub."
        ) from error
    if isinstance(config, str) and not _missing(Path(config).parent):
        return Path(config).parent
    if offline:
        raise EncoderUnavailable(f"{model} is not on this machine, and downloads are off. {hint}")
    try:
        sizes = _within(HUB_SECONDS, lambda: _files(model))
        say(f"Downloading {model} ({sum(sizes.values()) / 1e6:.0f} MB), once.")
        return Path(snapshot_download(model, allow_patterns=list(sizes)))
    except RepositoryNotFoundError as error:
        raise EncoderUnavailable(
            f"The hub has no model {model}, or shows it only to its members. Check CLIP_MODEL."
        ) from error
    except Exception as error:  # the hub's client lets those of several libraries through
        raise EncoderUnavailable(
            f"{model} is not on this machine, and fetching it from the hub failed: "
            f"{_first_line(error)}. {hint}"
        ) from error


def _files(model: str) -> dict[str, int]:
    """The files of a hub model that loading needs, and their sizes in bytes.

    Leaves out the weights of other frameworks, three times the size of ours.
    """
    from huggingface_hub import HfApi

    info = HfApi().model_info(model, files_metadata=True, timeout=HUB_SECONDS)
    sizes = {f.rfilename: f.size or 0 for f in info.siblings or [] if "/" not in f.rfilename}
    safe = [n for n in sizes if n.startswith("model") and n.endswith(".safetensors")]
    weights = safe or [n for n in sizes if n.startswith("pytorch_model")]
    return {
        n: s for n, s in sizes.items() if n in weights or n.endswith((".json", ".txt", ".model"))
    }


def _within(seconds: float, call: Callable[[], T]) -> T:
    """`call()`, or TimeoutError.

    A client's timeout holds for each address of a host in turn, and for none of the look-up of its
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


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def fingerprint(folder: Path) -> str:
    """What tells one encoder's vectors from another's: weights, architecture, preprocessing.

    Of a large file only blocks are read, so 600 MB take milliseconds. The tokenizer is left out:
    it changes questions, not what is in an index.
    """
    digest = hashlib.sha256()
    for name in ("config.json", "preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    block = 65_536
    for path in _weights(folder):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            for start in range(0, size, max(block, size // 64)):
                file.seek(start)
                digest.update(file.read(block))
    return digest.hexdigest()[:16]


# ------------------------------------------------------------------------------ the two halves


class _Half:
    """One half of a checkpoint, loaded by whichever thread needs it first."""

    method: ClassVar[str]  # of the model, giving this half's vectors
    other: ClassVar[str]  # the model's attribute that holds the other half

    def __init__(self, source: str, *, threads: int = 2) -> None:
        """`source` as for `resolve`; `threads` are torch's, for the whole process."""
        self.folder = Path(resolve(source, allow_demo=False).source)
        self.fingerprint = fingerprint(self.folder)
        self._threads = threads
        self._lock = threading.RLock()
        self._model: Any = None
        self._dimension = 0

    @property
    def dimension(self) -> int:
        """How long a vector is. Loads the model, so asking for it warms an encoder up."""
        if not self._dimension:  # configurations have no name for it that all models share
            self._dimension = self._probe().shape[1]
        return self._dimension

    def _probe(self) -> Floats:
        raise NotImplementedError

    def _load_input(self) -> None:
        """Load the tokenizer or the image processor."""
        raise NotImplementedError

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                try:
                    self._load_input()
                    self._model = self._load_model()
                except EncoderError:
                    raise
                except Exception as error:  # a malformed checkpoint raises nearly anything
                    raise EncoderUnavailable(
                        f"The encoder in {self.folder} could not be loaded: {_first_line(error)}."
                    ) from error
        return self._model

    def _load_model(self) -> Any:
        import torch
        from transformers import AutoModel
        from transformers.utils import logging

        torch.set_num_threads(self._threads)
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        # Weights are memory-mapped: loading both halves and dropping one costs no more than the
        # classes that load one half, and works for every architecture. float32, because a
        # checkpoint in half precision would compute in it, which most CPUs only emulate.
        model, report = AutoModel.from_pretrained(
            self.folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
        if not hasattr(model, self.method):
            raise EncoderUnavailable(
                f"{self.folder} holds a {model.config.model_type} model. Search needs CLIP or "
                "SigLIP, which put pictures and texts into one space."
            )
        if report["missing_keys"]:  # transformers would go on with random numbers
            raise EncoderUnavailable(
                f"{self.folder} lacks weights, such as {min(report['missing_keys'])}: "
                "copy or download the checkpoint again."
            )
        if hasattr(model, self.other):
            delattr(model, self.other)
        return model.eval()

    def _vectors(self, inputs: dict[str, Any]) -> Floats:
        import torch

        with torch.inference_mode():
            output = getattr(self._loaded(), self.method)(**inputs)
            vectors: Floats = output.pooler_output.numpy()
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        usable = np.isfinite(lengths) & (lengths > 1e-12)
        if not usable.all():
            raise UnreadableVector(np.flatnonzero(~usable).tolist())
        return np.ascontiguousarray(vectors / lengths, dtype=np.float32)


class TextEncoder(_Half):
    """Questions to vectors."""

    method = "get_text_features"
    other = "vision_model"

    def encode(self, texts: Sequence[str]) -> Floats:
        """[n, dimension], rows of length one. Long texts are cut; ValueError for an empty one."""
        if any(not text.strip() for text in texts):
            raise ValueError("An empty text has no vector.")
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        config = self._loaded().config
        siglip = config.model_type.startswith("siglip")
        # Half of a surrogate pair is valid JSON, but not the UTF-8 that the tokenizer wants
        clean = [text.encode(errors="replace").decode() for text in texts]
        with self._lock:  # a tokenizer raises "Already borrowed" in two threads at once
            tokens = self._tokenizer(
                [text.lower() for text in clean] if siglip else clean,
                # SigLIP was trained on padded text and reads its last position. For CLIP padding
                # only costs time: 44 ms instead of 19 for a question
                padding="max_length" if siglip else True,
                truncation=True,
                max_length=config.text_config.max_position_embeddings,
                return_tensors="pt",
            )
        return self._vectors({"input_ids": tokens["input_ids"]} if siglip else dict(tokens))

    def _probe(self) -> Floats:
        return self.encode(["a picture"])

    def _load_input(self) -> None:
        from transformers import AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)


class ImageEncoder(_Half):
    """Pictures to vectors."""

    method = "get_image_features"
    other = "text_model"

    @property
    def input_size(self) -> int:
        """Pixels of the shortest edge that the model looks at.

        JPEGs are best decoded at twice this: `image.draft("RGB", (2 * size, 2 * size))`.
        """
        self._loaded()
        if self._naflex:
            return math.isqrt(self._processor.max_num_patches) * int(self._processor.patch_size)
        return int(self._processor.size.shortest_edge or self._processor.size.height)

    def preprocess(self, image: Image.Image) -> Floats:
        """An RGB picture as an array for `encode_pixels`: [3, size, size]. In any thread."""
        size = self.input_size
        image = image if image.mode == "RGB" else image.convert("RGB")
        if getattr(self._processor, "do_center_crop", False):
            # Only the middle is looked at: a strip of 1 x 10,000 must not be scaled up whole
            image = _middle(image, 3 * min(image.size))
        if (factor := min(image.size) // (3 * size)) > 1:
            image = image.reduce(factor)  # on 12 megapixels the processor alone takes 200 ms
        if self._naflex:
            image = image.resize((size, size), Image.Resampling.BILINEAR)
        pixels: Floats = self._processor(images=image, return_tensors="np")["pixel_values"][0]
        return pixels

    def encode_pixels(self, pixels: Floats | Sequence[Floats]) -> Floats:
        """[n, dimension], rows of length one. Raises UnreadableVector with the rows that failed."""
        import torch

        if not len(pixels):
            return np.empty((0, self.dimension), np.float32)
        self._loaded()
        inputs = {"pixel_values": torch.from_numpy(np.stack(list(pixels)).astype(np.float32))}
        if self._naflex:
            rows, patches = inputs["pixel_values"].shape[:2]
            inputs["pixel_attention_mask"] = torch.ones(rows, patches, dtype=torch.int32)
            inputs["spatial_shapes"] = torch.full((rows, 2), math.isqrt(patches))
        return self._vectors(inputs)

    def encode(self, images: Sequence[Image.Image]) -> Floats:
        """[n, dimension], rows of length one."""
        vectors = [np.empty((0, self.dimension), np.float32)]
        for start in range(0, len(images), BATCH):
            batch = [self.preprocess(image) for image in images[start : start + BATCH]]
            vectors.append(self.encode_pixels(batch))
        return np.concatenate(vectors)

    def _probe(self) -> Floats:
        return self.encode_pixels([self.preprocess(Image.new("RGB", (self.input_size,) * 2))])

    def _load_input(self) -> None:
        from transformers import AutoImageProcessor

        # Without torchvision the default backend falls back on "pil" anyway, with a warning
        self._processor: Any = AutoImageProcessor.from_pretrained(
            self.folder, backend="pil", local_files_only=True
        )
        # SigLIP2 NaFlex takes patches of pictures of any shape: it gets squares, like other SigLIP
        self._naflex = hasattr(self._processor, "max_num_patches")


def _middle(image: Image.Image, longest: int) -> Image.Image:
    """`image` with no edge past `longest`, cut off at both ends alike."""
    width, height = min(image.width, longest), min(image.height, longest)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
