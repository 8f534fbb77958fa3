"""What every page shows around its content."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from assetbank import access


def shell(request: HttpRequest) -> dict[str, Any]:
    @cache
    def creates() -> bool:
        """May add to some brand; asked once a page, and only by pages that want to know."""
        person = request.user
        return person.is_authenticated and access.brands(person, *access.CREATORS).exists()

    return {"embedded": settings.EMBEDDED, "creates_somewhere": creates}
