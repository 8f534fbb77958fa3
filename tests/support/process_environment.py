"""The environment of the processes that tests start."""

from __future__ import annotations

import os

from django.conf import settings


def process_environment(**changes: str) -> dict[str, str]:
    """Return an environment with only the settings in `changes`, whatever is configured here."""
    # Empty, not absent: absent ones would come from the developer's .env
    neutral = dict.fromkeys((setting.name for setting in settings.DECLARED_SETTINGS), "")
    dropped = {"ASSETBANK_TEST_RUN", "PYTHON_DOTENV_DISABLED"}
    inherited = {name: value for name, value in os.environ.items() if name not in dropped}
    fixed = {
        "DJANGO_SETTINGS_MODULE": "assetbank.settings",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        "TORCH_THREADS": "1",
    }
    return {**inherited, **neutral, **fixed, **changes}
