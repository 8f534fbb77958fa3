"""Health checks, for the admin's first page and GET /api/v1/health/."""

from __future__ import annotations

import concurrent.futures
import datetime
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from assetbank import hooks
from assetbank.hooks import Part
from assetbank.media import decoder
from assetbank.models import WatchedFolder

STORAGE_SECONDS = 10
WATCHED_AT_LEAST_EVERY = datetime.timedelta(minutes=10)


def parts() -> list[Part]:
    """Run every registered check; a check that raises is reported as a part that is unavailable."""
    return [_checked(check) for check in hooks.health_checks.functions]


def _checked(check: Callable[[], Part]) -> Part:
    try:
        return check()
    except Exception as error:  # health is queried when anything may be broken
        return Part(check.__name__, False, f"{error}".strip() or type(error).__name__)


def database() -> Part:
    """Check the database and report its version."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        (version,) = cursor.fetchone()
    location = "embedded" if settings.EMBEDDED else "your server"
    return Part("database", True, f"PostgreSQL {version.split()[0]}, {location}")


def files() -> Part:
    """Check address and credentials of the storage: ask for a missing file, write nothing."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    try:
        pool.submit(default_storage.exists, "health").result(timeout=STORAGE_SECONDS)
    finally:
        pool.shutdown(wait=False)  # do not wait for a storage that hangs
    return Part("files", True, settings.STORAGES["default"]["BACKEND"].rpartition(".")[2])


def decoders() -> Part:
    """Check that a process can be started that decodes images; tell what keeps it from harm."""
    found = decoder.check_sandbox()
    held = {
        f"Landlock {found.landlock}": found.landlock,
        "seccomp": found.seccomp,
        "memory limit": found.memory,
    }
    kept = ", ".join(name for name, holds in held.items() if holds) or "nothing"
    return Part("decoders", True, f"{'Full' if found.full else 'Limited'} sandbox: {kept}")


def workers() -> Part:
    """Check that a worker had a heartbeat (sent every 10 s) within 30 s; count waiting jobs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_workers "
            "WHERE last_heartbeat > now() - interval '30 seconds'"
        )
        (alive,) = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
        (waiting,) = cursor.fetchone()
    detail = f"{alive} running" if alive else "No worker is running: uploads are not indexed."
    return Part("workers", alive > 0, detail, {"workers": alive, "jobs waiting": waiting})


def watched_folders() -> Part:
    """Report the folders of WATCH_FOLDERS as a worker last found them; problems are warnings."""
    if not settings.WATCH_FOLDERS:
        return Part("watched folders", True, "none: set WATCH_FOLDERS")
    rows = {row.path: row for row in WatchedFolder.objects.filter(path__in=settings.WATCH_FOLDERS)}
    problems, waiting = [], 0
    for path in settings.WATCH_FOLDERS:
        row = rows.get(path)
        if row is None or timezone.now() - row.scanned_at > WATCHED_AT_LEAST_EVERY:
            problems.append(f"{path}: no worker has looked into it in the last minutes.")
        elif row.problem:
            problems.append(f"{path}: {row.problem}")
        waiting += len(row.waiting) if row else 0
    detail = " ".join(problems) or ", ".join(settings.WATCH_FOLDERS)
    return Part("watched folders", True, detail, {"files waiting": waiting}, bool(problems))


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the parts to the context of the admin's first page; a callback of django-unfold."""
    return {**context, "parts": parts()}
