"""Pictures for `acme`, asked for by its creator and drawn at once."""

from __future__ import annotations

from typing import Any

from generation import studio
from generation.models import Generation
from tests.conftest import Cast


def ask(cast: Cast, **fields: Any) -> Generation:
    given = {"prompt": "A red cape", "model": "sketch", "aspect_ratio": "1:1", **fields}
    return studio.request(person=cast.creator, brand=cast.acme, **given)


def run(generation: Generation) -> Generation:
    """As the worker does; EngineUnavailable is what puts a job back into the queue."""
    studio.run(generation_id=generation.pk)
    generation.refresh_from_db()
    return generation
