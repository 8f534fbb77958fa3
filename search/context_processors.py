"""Template context that every page gets from search."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from search.encoders import DEMO_SENTENCE
from search.models import VectorSpace


def encoder_notice(request: HttpRequest) -> dict[str, Any]:
    """Add `encoder_notice`, a callable that returns the demo encoder's notice, or "".

    Lazy, so that pages that do not show the notice make no query.
    """

    def notice() -> str:
        is_demo = VectorSpace.objects.active().filter(is_demo=True).exists()
        return DEMO_SENTENCE if is_demo else ""

    return {"encoder_notice": notice}
