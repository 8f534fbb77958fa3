"""Checkpoints for tests and benchmarks: real architectures with random weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from search.encoders import DEMO_FOLDER

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
TEXT = {"vocab_size": 3040, "bos_token_id": 3038, "eos_token_id": 3039, "pad_token_id": 3039}


def save(folder: Path, model: Any, processor: Any) -> Path:
    """Save a model with the tokenizer of the demo encoder."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(DEMO_FOLDER / name, folder / name)
    return folder


def save_vit_b32(folder: Path) -> Path:
    """Save a CLIP ViT-B/32 of 512 dimensions, which takes the time and memory of the real one."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    torch.manual_seed(0)
    config = CLIPConfig(text_config=TEXT, vision_config={"patch_size": 32}, projection_dim=512)
    return save(folder, CLIPModel(config), CLIPImageProcessorPil())


def save_small(folder: Path) -> Path:
    """Save a fast CLIP of 64 dimensions with random weights."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64}
    layers = {"num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config=TEXT | size | layers,
        vision_config=size | layers | {"image_size": 64, "patch_size": 16},
        projection_dim=64,
    )
    crop = {"height": 64, "width": 64}
    processor = CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size=crop)
    return save(folder, CLIPModel(config), processor)


def save_clip(folder: Path) -> Path:
    """Save a CLIP of 224 pixels with the preprocessing of OpenAI's, and one layer of random
    weights."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    torch.manual_seed(0)
    vision = SMALL | {"image_size": 224, "patch_size": 32}
    config = CLIPConfig(text_config=TEXT | SMALL, vision_config=vision, projection_dim=64)
    return save(folder, CLIPModel(config), CLIPImageProcessorPil())


def save_siglip(folder: Path) -> Path:
    """Save a SigLIP of 384 pixels, squeezed into a square, with one layer of random weights."""
    import torch
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    torch.manual_seed(0)
    text = TEXT | SMALL | {"max_position_embeddings": 16, "projection_size": 32}
    config = SiglipConfig(
        text_config=text, vision_config=SMALL | {"image_size": 384, "patch_size": 16}
    )
    processor = SiglipImageProcessorPil(size={"height": 384, "width": 384})
    return save(folder, SiglipModel(config), processor)


def save_twin(folder: Path) -> Path:
    """Save a copy of the demo encoder with slightly different preprocessing: equally good, but with
    another fingerprint."""
    shutil.copytree(DEMO_FOLDER, folder, dirs_exist_ok=True)
    config = folder / "preprocessor_config.json"
    config.write_text(config.read_text().replace('"resample": 3', '"resample": 2'))
    return folder
