"""Django's PostgreSQL backend; the first connection of a process starts the embedded server."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from assetbank.embedded import postgres


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        self.settings_dict["HOST"] = postgres.ensure_running(settings.DATA_DIR / "postgres")
        return super().get_connection_params()
