"""What every page says of the encoder."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from search.encoders import DEMO_SENTENCE
from search.models import VectorSpace


def encoder(request: HttpRequest) -> dict[str, Any]:
    """Lazy: pages that do not mention the encoder do not ask for it."""

    def notice() -> str:
        is_demo = VectorSpace.objects.active().filter(is_demo=True).exists()
        return DEMO_SENTENCE if is_demo else ""

    return {"encoder_notice": notice}
