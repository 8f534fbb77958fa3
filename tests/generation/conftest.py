"""Fixtures of the studio's tests: the stand-in for Gemini, over real HTTP."""

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
    """Return the stand-in, with its script and requests cleared. Test files may override it."""
    _gemini.clear()
    settings.GEMINI_API_KEY = "AIza-a-key-for-tests"
    settings.GEMINI_BASE_URL = _gemini.url
    return _gemini
