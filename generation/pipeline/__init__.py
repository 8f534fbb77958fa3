"""The life of one generation: submit, execute, draw, record, finish."""

from generation.pipeline import draw, finish, outputs, takes
from generation.pipeline.execute import conclude_generation, run_generation
from generation.pipeline.fingerprint import request_fingerprint
from generation.pipeline.submission import (
    cancel_generation,
    requeue_orphans,
    retry_generation,
    submit,
)
from generation.pipeline.validate import MAX_PICTURES, MAX_PROMPT_LENGTH

__all__ = [
    "MAX_PICTURES", "MAX_PROMPT_LENGTH", "cancel_generation", "conclude_generation", "draw",
    "finish", "outputs", "request_fingerprint", "requeue_orphans", "retry_generation",
    "run_generation", "submit", "takes",
]  # fmt: skip
