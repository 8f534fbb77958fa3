"""The words every engine shares: what is asked for, what comes back, and which models there are."""

from __future__ import annotations

import dataclasses

from generation.engines.base import Drawing, DrawRequest
from generation.engines.catalog import Engine, validate


def draw(request: DrawRequest) -> Drawing:
    """Have the request drawn by the engine of its model. Slow: call it outside transactions.

    Raises `InvalidRequest` before anything is sent, `EngineError` afterwards.
    """
    chosen = validate(request)
    if chosen.engine == Engine.SKETCH:
        from generation.engines.sketch import engine

        return engine.draw(request)

    from generation.engines.gemini import client

    if len(chosen.image_sizes) < 2:
        # A model with one size need not know the parameter, and may reject it.
        request = dataclasses.replace(request, image_size="")
    return client.draw(request)
