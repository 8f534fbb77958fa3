"""The studio's part of the health check."""

from __future__ import annotations

from django.db.models import Count

from assetbank.hooks import Part
from generation.engines import catalog
from generation.engines.gemini import client
from generation.models import Generation


def engine_sentence() -> str:
    """Return a sentence about the engines: what is missing, or how many models are on offer."""
    return client.check() or f"{len(catalog.available_models())} models available"


def engines_part() -> Part:
    """Return the part `engines` of the health check, with the number of generations by state."""
    states = dict(Generation.objects.values_list("state").annotate(Count("pk")))
    counts = {state.value: states.get(state.value, 0) for state in Generation.State}
    return Part("engines", True, engine_sentence(), counts)
