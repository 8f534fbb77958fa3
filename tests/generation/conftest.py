"""Stand-in for Gemini, which the studio's tests call over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.gemini_server import GeminiServer


@pytest.fixture(scope="session")
def _gemini() -> Iterator[GeminiServer]:
    with GeminiServer(slow_s=0.2) as server:
        yield server


@pytest.fixture
def server(_gemini: GeminiServer, settings: Settings) -> GeminiServer:
    """Return the stand-in with an empty script and no requests, and settings that lead to it.

    Test files that need another one override this fixture.
    """
    _gemini.clear()
    settings.GEMINI_API_KEY = "AIza-a-key-for-tests"
    settings.GEMINI_BASE_URL = _gemini.url
    return _gemini
