"""Pictures for `acme`, asked for by its creator and drawn at once."""

from __future__ import annotations

from typing import Any

from generation.models import Generation, Take
from generation.pipeline import run_generation, submit
from tests.conftest import Cast


def ask(cast: Cast, **fields: Any) -> Generation:
    given = {"prompt": "A red cape", "model": "sketch", "aspect_ratio": "1:1", **fields}
    return submit(person=cast.creator, brand=cast.acme, **given)


def answered(generation: Generation, number: int = 0) -> Take:
    """Return a take of a generation, for outputs that were drawn by no engine."""
    answered = {"state": Take.State.ANSWERED}
    return generation.takes.get_or_create(number=number, defaults=answered)[0]


def run(generation: Generation) -> Generation:
    """As the worker does; EngineUnavailable is what puts a job back into the queue."""
    run_generation(generation_id=generation.pk)
    generation.refresh_from_db()
    return generation
