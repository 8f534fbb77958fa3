"""Training batches: images with varied cameras, captions as users type them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from assetbank.demo.drawing.specs import COLOURS, OBJECTS, PATTERNS, SCENES, Spec
from search.encoders.demo.captions import Caption, caption
from search.encoders.demo.drawings import SIZE, Drawings
from search.encoders.demo.tokenizer import english_words

PIXELS = 112
MAX_COMMON_LENGTH = 58  # characters; longer captions occur in one batch of eight: padding is slow
CLASSES: tuple[tuple[str, ...], ...] = (OBJECTS, tuple(COLOURS), PATTERNS, SCENES)


@dataclass
class Batch:
    """Input of one training step; depends on the step's number alone, so a run can be resumed."""

    pixels: Tensor  # [n, 3, PIXELS, PIXELS]
    tokens: Tensor
    fits: Tensor  # [captions, pictures], bool
    classes: Tensor  # [n, number of CLASSES]


class Batches:
    """Source of training batches."""

    def __init__(self, drawings: Drawings, tokenizer: Any, *, size: int, seed: int) -> None:
        self.drawings, self.tokenizer, self.seed = drawings, tokenizer, seed
        self.size = min(size, len(drawings.specs))
        self.words = english_words()

    def at(self, step: int) -> Batch:
        """Return the batch of a step."""
        rng = random.Random(f"{self.seed} {step}")
        generator = np.random.default_rng([self.seed, step])
        torch.manual_seed(self.seed * 1_000_000 + step)  # for augmentation and patch dropping
        rows = self._rows(step)
        specs = [self.drawings.specs[row] for row in rows]
        captions = self._captions(specs, rng)
        tokens = self.tokenizer(
            [caption_.text for caption_ in captions],
            padding=True,
            truncation=True,
            max_length=77,
            return_tensors="pt",
        )
        return Batch(
            pixels=augmented(crops(self.drawings.pixels, rows, generator), rng),
            tokens=tokens["input_ids"],
            fits=torch.tensor(
                [[caption_.facts.fit(spec) for spec in specs] for caption_ in captions]
            ),
            classes=torch.tensor([_classes(spec) for spec in specs]),
        )

    def _rows(self, step: int) -> npt.NDArray[np.int64]:
        """Return the step's images: each image once per epoch, in an order of its own."""
        per_epoch = len(self.drawings.specs) // self.size
        order = np.random.default_rng([self.seed, step // per_epoch, 1])
        start = step % per_epoch * self.size
        return order.permutation(len(self.drawings.specs))[start : start + self.size]

    def _captions(self, specs: Sequence[Spec], rng: random.Random) -> list[Caption]:
        """Return a caption for each image, mostly short ones."""
        any_length = rng.random() < 0.12
        captions = []
        for spec in specs:
            caption_ = caption(spec, rng, noise=self.words)
            while len(caption_.text) > MAX_COMMON_LENGTH and not any_length:
                caption_ = caption(spec, rng, noise=self.words)
            captions.append(caption_)
        return captions


def _classes(spec: Spec) -> list[int]:
    """Return the class number of each of CLASSES."""
    values = (spec.obj, spec.colour, spec.pattern, spec.scene)
    return [known.index(value) for known, value in zip(CLASSES, values, strict=True)]


def crops(
    pixels: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], generator: np.random.Generator
) -> Tensor:
    """Return random crops, uint8 [n, 3, height, width], all of one size to fit into one array."""
    height, width = generator.integers(102, SIZE + 1, 2)
    cut = np.empty((len(rows), height, width, 3), np.uint8)
    for into, row in zip(cut, rows, strict=True):
        top = generator.integers(0, SIZE - height + 1)
        left = generator.integers(0, SIZE - width + 1)
        into[:] = pixels[row, top : top + height, left : left + width]
    return torch.from_numpy(cut).permute(0, 3, 1, 2)


def augmented(cut: Tensor, rng: random.Random) -> Tensor:
    """Return images scaled, mirrored, blurred, lit and normalised at random."""
    mode = "bicubic" if rng.random() < 0.6 else "bilinear"
    pixels = F.interpolate(cut, size=(PIXELS, PIXELS), mode=mode, antialias=rng.random() < 0.85)
    if rng.random() < 0.5:
        pixels = pixels.flip(-1)
    pixels = pixels.contiguous().float()
    if rng.random() < 0.12:
        pixels = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, 1)
    n = len(pixels)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)
    contrast = 1 + (torch.rand(n, 1, 1, 1) - 0.5) * 0.24
    tint = 1 + (torch.rand(n, 3, 1, 1) - 0.5) * 0.06
    light = (torch.rand(n, 1, 1, 1) - 0.5) * 0.12
    pixels = pixels * (contrast * tint / 255 / deviation) + (light - mean) / deviation
    if rng.random() < 0.08:
        pixels = pixels + torch.randn_like(pixels) * 0.08
    return pixels
