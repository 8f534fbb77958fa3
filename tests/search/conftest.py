from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkpoints import save_small, save_twin, save_vit_b32


@pytest.fixture(scope="session")
def vit_b32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_vit_b32(tmp_path_factory.mktemp("vit_b32"))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_twin(tmp_path_factory.mktemp("twin"))
