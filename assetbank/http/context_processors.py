"""What every page shows around its content."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from assetbank import permissions


def shell(request: HttpRequest) -> dict[str, Any]:
    @cache
    def roles() -> set[str]:
        """In any brand; asked once a page, and only by pages that want to know."""
        return permissions.roles(request.user) if request.user.is_authenticated else set()

    return {
        "embedded": settings.EMBEDDED,
        "creates_somewhere": lambda: not roles().isdisjoint(permissions.EDITORS),
        "manages_somewhere": lambda: not roles().isdisjoint(permissions.MANAGERS),
    }
