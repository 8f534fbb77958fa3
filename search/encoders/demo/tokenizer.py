"""The demo encoder's tokenizer: byte-level BPE like CLIP's, with a small vocabulary."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from assetbank.demo.drawing.specs import random_spec
from search.encoders.demo.captions import caption

LEARNED = 2816  # learned tokens, without those for bytes at the end of a word and special ones
WORDS = Path(__file__).resolve().parent / "words.json"
START, END = "<|startoftext|>", "<|endoftext|>"
# CLIP's pattern: special tokens, English contractions, then runs of letters, digits, others
PIECES = (
    r"<\|startoftext\|>|<\|endoftext\|>"
    r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


def english_words() -> list[str]:
    """Return common English words, so that other text is split into words and not letters."""
    words: list[str] = json.loads(WORDS.read_text())
    return words


def train_tokenizer(folder: Path, captions: int = 60_000) -> None:
    """Learn a vocabulary from captions and save it in `folder`, for AutoTokenizer."""
    from transformers import CLIPTokenizer

    rng = random.Random(7)
    corpus = [caption(random_spec(rng), rng).text for _ in range(captions)]
    vocabulary, merges = _learn(corpus + english_words() * 12)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary_path, merges_path = folder / "vocab.json", folder / "merges.txt"
    vocabulary_path.write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    merges_path.write_text("\n".join(lines) + "\n")
    tokenizer = CLIPTokenizer(
        vocab=str(vocabulary_path), merges=str(merges_path), model_max_length=77
    )
    tokenizer.save_pretrained(folder)


def _learn(corpus: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return the number of each token, and the merges in order."""
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = _merges(corpus, alphabet)
    # In CLIP's order: bytes, bytes at the end of a word, merges, special tokens
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    tokens += [left + right for left, right in merges]
    tokens = list(dict.fromkeys([*tokens, START, END]))
    return {token: number for number, token in enumerate(tokens)}, merges


def _merges(corpus: list[str], alphabet: list[str]) -> list[tuple[str, str]]:
    """Return the pairs of tokens that are merged, in order."""
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    learner = Tokenizer(BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    learner.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    trainer = BpeTrainer(
        vocab_size=LEARNED,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
        min_frequency=3,
    )
    learner.train_from_iterator(corpus, trainer)
    learned: dict[str, Any] = json.loads(learner.to_str())
    return [(left, right) for left, right in learned["model"]["merges"]]
