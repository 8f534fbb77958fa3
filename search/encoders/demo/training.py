"""Training of the demo encoder: a small CLIP, from scratch, on a CPU, in about an hour.

What made it work, in addition to plain CLIP: every caption counts as right for every image that it
fits (images share attributes); small classifiers on top of the image half, dropped afterwards; Muon
for the matrices of the layers (AdamW alone learns objects half as fast); and dropping half of the
patches until the last part (which halves the time).
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from search.encoders.demo.batches import CLASSES, PIXELS, Batch, Batches
from search.encoders.demo.drawings import Drawings

PATCH = 16
PATCHES = (PIXELS // PATCH) ** 2
WIDTH = 192
VECTOR = 256
CLASS_WEIGHTS = (1.0, 0.5, 0.3, 0.2)
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of the training."""

    steps: int = 2600
    batch: int = 128
    sparse_share: float = 10 / 13  # share of steps with only `sparse_patches` of 49 patches
    sparse_patches: int = 26
    learning_rate: float = 1e-3
    muon_rate: float = 2e-3
    warmup: int = 100
    seed: int = 0
    save_every: int = 200
    threads: int = 2

    def schedule(self, step: int) -> float:
        """Return the share of the learning rate at a step: linear warm-up, cosine decay."""
        down = max(0, step - self.warmup) / max(1, self.steps - self.warmup)
        return min(1.0, (step + 1) / self.warmup) * (0.5 + 0.5 * math.cos(math.pi * down))

    def patches(self, step: int) -> int:
        """Return how many patches of each image a step uses."""
        return self.sparse_patches if step < self.steps * self.sparse_share else PATCHES


class Trainee(nn.Module):
    """The model, and the classifiers that only training needs."""

    def __init__(self, tokenizer: Any) -> None:
        from transformers import CLIPConfig, CLIPModel

        super().__init__()
        text = {
            "vocab_size": len(tokenizer),
            "hidden_size": 128,
            "intermediate_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "max_position_embeddings": 77,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "projection_dim": VECTOR,
        }
        vision = {
            "hidden_size": WIDTH,
            "intermediate_size": 768,
            "num_hidden_layers": 6,
            "num_attention_heads": 6,
            "image_size": PIXELS,
            "patch_size": PATCH,
            "projection_dim": VECTOR,
        }
        config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=VECTOR)
        self.clip = CLIPModel(config)
        self.heads = nn.ModuleList(nn.Linear(WIDTH, len(known)) for known in CLASSES)

    def forward(self, batch: Batch, patch_count: int) -> tuple[Tensor, Tensor]:
        """Return the loss, and for each caption whether it fits its nearest image."""
        features = self._image_features(batch.pixels, patch_count)
        images = F.normalize(self.clip.visual_projection(features), dim=-1)
        pooled = self.clip.text_model(input_ids=batch.tokens).pooler_output
        texts = F.normalize(self.clip.text_projection(pooled), dim=-1)
        likeness = texts @ images.T * self.clip.logit_scale.exp().clamp(max=100)
        loss = 0.5 * (contrast_loss(likeness, batch.fits) + contrast_loss(likeness.T, batch.fits.T))
        for column, (weight, head) in enumerate(zip(CLASS_WEIGHTS, self.heads, strict=True)):
            labels = batch.classes[:, column]
            loss = loss + weight * F.cross_entropy(head(features), labels, label_smoothing=0.05)
        return loss, batch.fits.gather(1, likeness.argmax(1, keepdim=True))

    def _image_features(self, pixels: Tensor, patch_count: int) -> Tensor:
        """Return image features before the projection, from `patch_count` random patches each."""
        vision = self.clip.vision_model
        hidden = vision.embeddings(pixels)
        if patch_count < PATCHES:
            chosen = torch.rand(len(pixels), PATCHES).argsort(1)[:, :patch_count, None]
            patches = hidden[:, 1:].gather(1, chosen.expand(-1, -1, WIDTH))
            hidden = torch.cat([hidden[:, :1], patches], 1)
        hidden = vision.encoder(inputs_embeds=vision.pre_layrnorm(hidden)).last_hidden_state
        pooled: Tensor = vision.post_layernorm(hidden[:, 0])
        return pooled


def contrast_loss(likeness: Tensor, fits: Tensor) -> Tensor:
    """Return the loss of each fitting pair against all others of its row, averaged by row."""
    others = torch.logsumexp(likeness.masked_fill(fits, -1e4), 1, keepdim=True)
    losses = F.softplus(others - likeness) * fits
    return (losses.sum(1) / fits.sum(1).clamp(min=1)).mean()


def optimizers(trainee: Trainee, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return AdamW, and Muon for the matrices of the layers."""
    named = list(trainee.named_parameters())
    layers = [(name, p) for name, p in named if p.ndim == 2 and ".layers." in name]
    inside = {name for name, _ in layers}
    decayed = [p for name, p in named if p.ndim >= 2 and name not in inside]
    adam = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": 0.05},
            {"params": [p for _, p in named if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    muon = torch.optim.Muon(
        [p for _, p in layers],
        lr=recipe.muon_rate,
        weight_decay=0.05,
        adjust_lr_fn="match_rms_adamw",
    )
    return [adam, muon]


def train(
    drawings: Drawings,
    tokenizer_folder: Path,
    work: Path,
    recipe: Recipe,
    progress: Progress = lambda _: None,
) -> Trainee:
    """Train, resuming from the state of an earlier run in `work`."""
    from transformers import AutoTokenizer

    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    trainee = Trainee(tokenizer).train()
    batches = Batches(drawings, tokenizer, size=recipe.batch, seed=recipe.seed)
    optims = optimizers(trainee, recipe)
    peaks = [[group["lr"] for group in optim.param_groups] for optim in optims]
    saved = work / "resume.pt"
    first = _restore(saved, trainee, optims) if saved.is_file() else 0
    began = time.monotonic()
    for step in range(first, recipe.steps):
        for optim, rates in zip(optims, peaks, strict=True):
            for group, peak in zip(optim.param_groups, rates, strict=True):
                group["lr"] = peak * recipe.schedule(step)
        loss, right = _step(trainee, optims, batches.at(step), recipe.patches(step))
        if step % 20 == 19 or step + 1 == recipe.steps:
            pace = (time.monotonic() - began) / (step + 1 - first)
            progress(
                f"step {step + 1} of {recipe.steps}: loss {loss:.2f}, right picture first "
                f"{right:.0%}, {pace * (recipe.steps - step - 1) / 60:.0f} min left"
            )
        if step % recipe.save_every == recipe.save_every - 1:
            _save(saved, trainee, optims, step + 1)
    return trainee.eval()


def _step(
    trainee: Trainee, optims: Sequence[torch.optim.Optimizer], batch: Batch, patch_count: int
) -> tuple[float, float]:
    for optim in optims:
        optim.zero_grad()
    loss, right = trainee(batch, patch_count)
    loss.backward()
    nn.utils.clip_grad_norm_(trainee.clip.parameters(), 1.0)
    for optim in optims:
        optim.step()
    with torch.no_grad():
        trainee.clip.logit_scale.clamp_(0, math.log(100))
    return loss.item(), right.float().mean().item()


def _save(path: Path, trainee: Trainee, optims: Sequence[torch.optim.Optimizer], step: int) -> None:
    partial = path.with_suffix(".part")
    state = {"model": trainee.state_dict(), "optimizers": [o.state_dict() for o in optims]}
    torch.save({**state, "step": step}, partial)
    partial.replace(path)


def _restore(path: Path, trainee: Trainee, optims: Sequence[torch.optim.Optimizer]) -> int:
    state = torch.load(path, weights_only=True)
    trainee.load_state_dict(state["model"])
    for optim, saved in zip(optims, state["optimizers"], strict=True):
        optim.load_state_dict(saved)
    return int(state["step"])


def export(trainee: Trainee, tokenizer_folder: Path, folder: Path) -> None:
    """Save for AutoModel, AutoTokenizer and AutoImageProcessor; half precision halves the file."""
    from transformers import CLIPImageProcessorPil
    from transformers.utils import logging

    logging.disable_progress_bar()
    trainee.clip.half().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # saved readable by its owner only
    # Copied as learned: a tokenizer that has been used would save its last padding, too
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer_folder / name, folder / name)
    square = {"height": PIXELS, "width": PIXELS}
    CLIPImageProcessorPil(size={"shortest_edge": PIXELS}, crop_size=square).save_pretrained(folder)
