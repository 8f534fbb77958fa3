"""Tests of the active vector space."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from search.errors import SearchUnavailable
from search.indexing import spaces
from search.models import VectorSpace
from search.models import spaces as models

# Queries by the column `active`, of a space or of the space of a row; assignments do not match
BY_COLUMN = re.compile(
    r"space__active|VectorSpace\.objects\s*\.(?:filter|get|exclude)\([^)]*active="
)


@pytest.mark.django_db
def test_the_active_space_answers_once_it_has_an_encoder() -> None:
    VectorSpace.objects.create(model="another", fingerprint="f")
    with pytest.raises(SearchUnavailable, match="not ready yet"):
        spaces.active_space()
    space = VectorSpace.objects.create(model="demo", active=True)
    with pytest.raises(SearchUnavailable, match="not ready yet"):
        spaces.active_space()
    VectorSpace.objects.filter(pk=space.pk).update(fingerprint="g")
    assert spaces.active_space() == space


def test_nothing_but_the_models_says_which_space_is_active() -> None:
    home = Path(models.__file__)
    assert BY_COLUMN.search(home.read_text())
    code = [
        path
        for app in ("assetbank", "search", "generation")
        for path in (settings.BASE_DIR / app).rglob("*.py")
        if path != home and path.parent.name != "migrations"
    ]
    assert [path for path in code if BY_COLUMN.search(path.read_text())] == []
