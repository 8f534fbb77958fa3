"""Pictures for `acme`, asked for by its creator and drawn at once."""

from __future__ import annotations

from typing import Any

from generation.models import Generation
from generation.pipeline import run_generation, submit
from tests.conftest import Cast


def ask(cast: Cast, **fields: Any) -> Generation:
    given = {"prompt": "A red cape", "model": "sketch", "aspect_ratio": "1:1", **fields}
    return submit(person=cast.creator, brand=cast.acme, **given)


def run(generation: Generation) -> Generation:
    """As the worker does; EngineUnavailable is what puts a job back into the queue."""
    run_generation(generation_id=generation.pk)
    generation.refresh_from_db()
    return generation
