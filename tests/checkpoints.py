"""Checkpoints that tests and benchmarks make: real architectures, random weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from search.checkpoints import DEMO_FOLDER

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
TEXT = {"vocab_size": 3040, "bos_token_id": 3038, "eos_token_id": 3039, "pad_token_id": 3039}


def save(folder: Path, model: Any, processor: Any) -> Path:
    """With the demo encoder's tokenizer."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(DEMO_FOLDER / name, folder / name)
    return folder


def save_vit_b32(folder: Path) -> Path:
    """CLIP ViT-B/32, 512 dimensions: it costs what the real one costs."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    torch.manual_seed(0)
    config = CLIPConfig(text_config=TEXT, vision_config={"patch_size": 32}, projection_dim=512)
    return save(folder, CLIPModel(config), CLIPImageProcessorPil())
