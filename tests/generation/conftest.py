"""The stand-in for Gemini that the studio's tests ask over real HTTP."""

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
    """Its script and its requests begin anew with each test; files that need another define it."""
    _gemini.clear()
    settings.GEMINI_API_KEY = "AIza-a-key-for-tests"
    settings.GEMINI_BASE_URL = _gemini.url
    return _gemini
