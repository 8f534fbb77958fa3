"""CLIP and the reading of its scores: the only package that imports torch and transformers."""

from search.encoders import calibration, checkpoints, clip, relevance
from search.encoders.checkpoints import (
    DEMO_FOLDER,
    DEMO_SENTENCE,
    Checkpoint,
    EncoderError,
    EncoderUnavailable,
)
from search.encoders.clip import ImageEncoder, TextEncoder, UnreadableVector
from search.encoders.relevance import Background, ComposedQuery, QueryPart

__all__ = [
    "DEMO_FOLDER", "DEMO_SENTENCE", "Background", "Checkpoint", "ComposedQuery", "EncoderError",
    "EncoderUnavailable", "ImageEncoder", "QueryPart", "TextEncoder", "UnreadableVector",
    "calibration", "checkpoints", "clip", "relevance",
]  # fmt: skip
