"""System checks of `manage.py check`: each invalid setting, explained in a sentence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages


@register()
def settings_are_right(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return errors for invalid settings, and for those that production lacks."""
    messages: list[CheckMessage] = [
        Error(problem, id="assetbank.E001") for problem in settings.SETTING_PROBLEMS
    ]
    messages += _storage_is_installed()
    messages += _watched_folders_exist()
    if settings.EMBEDDED:
        return [*messages]
    required = {
        "ALLOWED_HOSTS": "set it to the host names that are served",
        "CLIP_MODEL": "set it to a CLIP or SigLIP checkpoint; production never falls back silently",
        "MILVUS_URI": "set it to the address of your Milvus or Zilliz Cloud",
    }
    messages += [
        Error(f"{name} is empty: {hint}.", id="assetbank.E002")
        for name, hint in required.items()
        if not getattr(settings, name)
    ]
    if settings.DEBUG:
        messages.append(Error("DEBUG is on in production: turn it off.", id="assetbank.E003"))
    return [*messages]


def _watched_folders_exist() -> list[Warning]:
    """Return a warning for each missing folder: only the hosts of workers need them."""
    return [
        Warning(
            f"WATCH_FOLDERS: {path} is not a folder on this host. Create or mount it where workers "
            "of the queue “house” run.",
            id="assetbank.W001",
        )
        for path in settings.WATCH_FOLDERS
        if not os.path.isdir(path)
    ]


def _storage_is_installed() -> list[Error]:
    """Return an error if the storage backend's package is missing: only S3's is required."""
    default = settings.STORAGES["default"]
    try:
        storages.create_storage(default)
    except ImproperlyConfigured as error:
        module = default["BACKEND"].split(".")[-2]
        extra = {"gcloud": "google", "azure_storage": "azure"}.get(module, "s3")
        return [
            Error(
                f"STORAGE_URL cannot be used: {error}. A missing package comes with "
                f"pip install 'django-storages[{extra}]'.",
                id="assetbank.E004",
            )
        ]
    return []
