"""Text and image encoders: the only module that runs torch and transformers.

Both are imported on first use, inside methods, so that importing this module costs nothing. Vectors
of texts and images are in one space, float32 and of length one, so an inner product is a cosine.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from search.encoders import bfloat16
from search.encoders.checkpoints import (
    EncoderError,
    EncoderUnavailable,
    fingerprint,
    first_line,
    resolve,
)

BATCH = 8  # images; on a CPU larger batches are not faster
# Minimum cosine of an image's exact and accelerated vectors. A search tolerates 0.9999, but the
# worst of 150 photographs lost five times what the images of `_probe` lose
MIN_COSINE = 0.99998

# Read when torch is first imported. Its threads wait for each other by spinning, which on a busy
# machine turns 6 ms for a query into 50, and occasionally into 900.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

Floats = npt.NDArray[np.float32]


class UnreadableVector(EncoderError):
    """Unusable vectors of the model (not finite, or zero), in these `rows` of the batch."""

    def __init__(self, rows: Sequence[int]) -> None:
        self.rows = list(rows)
        super().__init__(
            "The encoder gave no usable vector (not finite, or zero) for row "
            f"{', '.join(map(str, rows))}."
        )


class _HalfEncoder:
    """The text or image half of a checkpoint, loaded by the first thread that needs it."""

    method: ClassVar[str]  # the model's method that returns this half's vectors
    other: ClassVar[str]  # the model's attribute with the other half

    def __init__(self, source: str, *, threads: int = 2) -> None:
        """Create an unloaded encoder.

        `source` is as for `resolve`; `threads` are torch's, for the whole process. Raises
        EncoderUnavailable.
        """
        self.folder = Path(resolve(source, allow_demo=False).source)
        self.fingerprint = fingerprint(self.folder)
        self._threads = threads
        self._lock = threading.RLock()
        self._model: Any = None
        self._dimension = 0

    @property
    def dimension(self) -> int:
        """Length of a vector. Loads the model, so it also warms up the encoder."""
        if not self._dimension:  # models share no configuration key for it
            self._dimension = self._probe().shape[1]
        return self._dimension

    def _probe(self) -> Floats:
        """Return the vectors of a few constant inputs, which load and test the model."""
        raise NotImplementedError

    def _load_input(self) -> None:
        """Load the tokenizer or the image processor."""
        raise NotImplementedError

    def _loaded(self) -> Any:
        """Return the model, loaded at the first call. Raises EncoderUnavailable."""
        with self._lock:
            if self._model is None:
                try:
                    self._load_input()
                    self._model = self._load_model()
                    self._accelerate()
                except Exception as error:  # malformed checkpoints raise many types
                    self._model = None
                    if isinstance(error, EncoderError):
                        raise
                    raise EncoderUnavailable(
                        f"The encoder in {self.folder} could not be loaded: {first_line(error)}."
                    ) from error
        return self._model

    def _load_model(self) -> Any:
        import torch
        from transformers import AutoModel
        from transformers.utils import logging

        torch.set_num_threads(self._threads)
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        # Weights are memory-mapped, so loading both halves and dropping one costs no more than
        # classes that load one half, and works for every architecture. float32, because a
        # checkpoint in half precision would compute in it, which most CPUs only emulate.
        model, report = AutoModel.from_pretrained(
            self.folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
        if not hasattr(model, self.method):
            raise EncoderUnavailable(
                f"{self.folder} holds a {model.config.model_type} model. Search needs CLIP or "
                "SigLIP, which embed images and text in one space."
            )
        if report["missing_keys"]:  # transformers would use random numbers
            raise EncoderUnavailable(
                f"{self.folder} lacks weights, such as {min(report['missing_keys'])}: "
                "copy or download the checkpoint again."
            )
        if hasattr(model, self.other):
            delattr(model, self.other)
        return model.eval()

    def _accelerate(self) -> None:
        """Accelerate the loaded model, if that hardly changes its vectors; the default does
        nothing."""

    def _vectors(self, inputs: dict[str, Any]) -> Floats:
        """Return the model's vectors of prepared inputs, scaled to length one. Raises
        UnreadableVector."""
        import torch

        with torch.inference_mode():
            output = getattr(self._loaded(), self.method)(**inputs)
            vectors: Floats = output.pooler_output.numpy()
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        usable = np.isfinite(lengths) & (lengths > 1e-12)
        if not usable.all():
            raise UnreadableVector(np.flatnonzero(~usable).tolist())
        return np.ascontiguousarray(vectors / lengths, dtype=np.float32)


class TextEncoder(_HalfEncoder):
    """Encodes search queries as vectors."""

    method = "get_text_features"
    other = "vision_model"

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return the vectors of texts: [n, dimension] of length one, in their order.

        Tokens beyond the model's maximum (77 for OpenAI's CLIP) are cut off at the end of a text.
        Raises ValueError for an empty text, and UnreadableVector.
        """
        if any(not text.strip() for text in texts):
            raise ValueError("An empty text has no vector.")
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        config = self._loaded().config
        siglip = config.model_type.startswith("siglip")
        # Half of a surrogate pair is valid in JSON, but not in the UTF-8 that the tokenizer needs
        clean = [text.encode(errors="replace").decode() for text in texts]
        with self._lock:  # tokenizers raise "Already borrowed" in concurrent threads
            tokens = self._tokenizer(
                [text.lower() for text in clean] if siglip else clean,
                # SigLIP was trained on padded text and reads its last position. For CLIP padding
                # only costs time: 44 ms instead of 19 for a query
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


class ImageEncoder(_HalfEncoder):
    """Encodes images as vectors."""

    method = "get_image_features"
    other = "text_model"

    @property
    def input_size(self) -> int:
        """Pixels of the shortest edge of the model's input.

        JPEGs may be decoded at three times this: `image.draft("RGB", (3 * size, 3 * size))`.
        """
        self._loaded()
        if self._naflex:
            return math.isqrt(self._processor.max_num_patches) * int(self._processor.patch_size)
        return int(self._processor.size.shortest_edge or self._processor.size.height)

    def preprocess(self, image: Image.Image) -> Floats:
        """Return an RGB image as an array [3, size, size] for `encode_pixels`. Thread-safe."""
        size = self.input_size
        image = image if image.mode == "RGB" else image.convert("RGB")
        if getattr(self._processor, "do_center_crop", False):
            # Only the centre is used: a strip of 1 x 10,000 must not be scaled up as a whole
            image = _centre_crop(image, 3 * min(image.size))
        if (factor := min(image.size) // (3 * size)) > 1:
            image = image.reduce(factor)  # on 12 megapixels the processor alone takes 200 ms
        if self._naflex:
            image = image.resize((size, size), Image.Resampling.BILINEAR)
        pixels: Floats = self._processor(images=image, return_tensors="np")["pixel_values"][0]
        return pixels

    def encode_pixels(self, pixels: Floats | Sequence[Floats]) -> Floats:
        """Return the vectors of images from `preprocess`: [n, dimension] of length one.

        Raises UnreadableVector, which lists the rows that failed.
        """
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
        """Return the vectors of images: [n, dimension] of length one, computed BATCH at a time.

        Raises UnreadableVector.
        """
        vectors = [np.empty((0, self.dimension), np.float32)]
        for start in range(0, len(images), BATCH):
            batch = [self.preprocess(image) for image in images[start : start + BATCH]]
            vectors.append(self.encode_pixels(batch))
        return np.concatenate(vectors)

    def _probe(self) -> Floats:
        """Return the vectors of two images that have coarse and fine shapes."""
        coarse = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
        coarse[1, ::2] //= 4
        pictures = [Image.fromarray(squares).resize((600, 600)) for squares in coarse]
        return self.encode_pixels([self.preprocess(picture) for picture in pictures])

    def _accelerate(self) -> None:
        """Multiply in bfloat16 where the CPU does so natively: nearly twice the images per second.

        Only the matrices of the layers are rounded: rounding pixels, sums, attention and the last
        projection too would gain little, and cost most of the accuracy. Checkpoints differ in how
        much they tolerate, so it is tested on this one and undone if the vectors change.
        """
        if not bfloat16.is_native():
            return
        exact, layers = self._probe(), bfloat16.linear_layers(self._model)
        weights = [layer.weight.data for layer in layers]
        for layer in layers:
            bfloat16.round_weights(layer)
        try:
            accurate = bool((np.sum(exact * self._probe(), axis=1) >= MIN_COSINE).all())
        except UnreadableVector:
            accurate = False
        if not accurate:
            for layer, weight in zip(layers, weights, strict=True):
                layer.weight.data = weight
                del layer.forward

    def _load_input(self) -> None:
        from transformers import AutoImageProcessor

        # Without torchvision the default backend falls back on "pil" anyway, with a warning
        self._processor: Any = AutoImageProcessor.from_pretrained(
            self.folder, backend="pil", local_files_only=True
        )
        # SigLIP2 NaFlex takes patches of images of any shape: it gets squares, like other SigLIP
        self._naflex = hasattr(self._processor, "max_num_patches")


def _centre_crop(image: Image.Image, longest: int) -> Image.Image:
    """Return `image` with no edge longer than `longest`, cropped equally at both ends."""
    width, height = min(image.width, longest), min(image.height, longest)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
