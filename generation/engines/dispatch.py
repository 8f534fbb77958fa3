"""Sends a request to the engine of its model."""

from __future__ import annotations

import dataclasses

from generation.engines.base import Drawing, DrawRequest
from generation.engines.catalog import Engine, validate_draw_request


def draw(request: DrawRequest) -> Drawing:
    """Draw a request with the engine of its model. Slow (minutes): call it outside transactions.

    Raises:
        InvalidRequest: the request cannot be sent as it is; nothing was sent.
        EngineError: the engine did not deliver an image.
    """
    chosen = validate_draw_request(request)
    if chosen.engine == Engine.SKETCH:
        from generation.engines.sketch import engine

        return engine.draw(request)

    from generation.engines.gemini import client

    if len(chosen.image_sizes) < 2:
        # A model with one size need not know the parameter, and may reject it.
        request = dataclasses.replace(request, image_size="")
    return client.draw(request)
