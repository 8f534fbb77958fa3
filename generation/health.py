"""How the studio is."""

from __future__ import annotations

from django.db.models import Count

from assetbank.hooks import Part
from generation.engines import catalog
from generation.engines.gemini import client
from generation.models import Generation


def engine_sentence() -> str:
    return client.check() or f"{len(catalog.available_models())} models available"


def engines_part() -> Part:
    states = dict(Generation.objects.values_list("state").annotate(Count("pk")))
    counts = {state.value: states.get(state.value, 0) for state in Generation.State}
    return Part("engines", True, engine_sentence(), counts)
