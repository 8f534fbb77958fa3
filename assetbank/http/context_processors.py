"""Context variables that the frame of every page uses."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from assetbank import permissions


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return variables for the navigation; the callables run their query when a page uses them."""

    @cache
    def roles() -> set[str]:
        """Return the user's roles in any brand; queried at most once for each page."""
        return permissions.roles(request.user) if request.user.is_authenticated else set()

    return {
        "embedded": settings.EMBEDDED,
        "trash_days": settings.TRASH_DAYS,
        "creates_somewhere": lambda: not roles().isdisjoint(permissions.EDITORS),
        "manages_somewhere": lambda: not roles().isdisjoint(permissions.MANAGERS),
    }
