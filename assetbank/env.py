"""Read settings from the environment, record each declaration, and collect invalid values.

An invalid value never raises here: the default is used, `manage.py check` explains the value in a
sentence, and the library refuses to start. The declarations are also the source of
`assetbank/docs/configuration.md` and `.env.example` (`manage.py document_settings`).
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import dj_database_url

WATCHED = re.compile(r"(/[^=]*?)/*=([A-Za-z0-9_-]+)(?::(.+))?")
TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Setting:
    """One declared variable, as the documents show it."""

    name: str
    default: str
    help: str
    kind: str = "text"
    unit: str = ""
    part: str = ""


@dataclass
class Environment:
    """Reader of settings; every method declares the variable and returns its value."""

    values: Mapping[str, str] = field(default_factory=lambda: os.environ)
    declared: list[Setting] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    part: str = ""  # heading of the next declarations in the documents

    def text(
        self,
        name: str,
        default: str = "",
        *,
        help: str,
        documented: str | None = None,
        kind: str = "text",
        unit: str = "",
    ) -> str:
        """Return the value, or `default` where it is unset or blank.

        `documented` replaces a default that differs between machines or profiles in the documents.
        """
        shown = default if documented is None else documented
        self.declared.append(Setting(name, shown, help, kind, unit, self.part))
        return self.values.get(name, "").strip() or default

    def integer(
        self,
        name: str,
        default: int,
        *,
        help: str,
        minimum: int = 0,
        maximum: int | None = None,
        documented: str | None = None,
        unit: str = "",
    ) -> int:
        """Return an integer from `minimum` to `maximum` (inclusive)."""
        limits = f"{minimum} or more" if maximum is None else f"{minimum} to {maximum}"
        kind = f"integer, {limits}"
        raw = self.text(name, str(default), help=help, documented=documented, kind=kind, unit=unit)
        if raw.isascii() and raw.isdigit() and len(raw) < 19:
            number = int(raw)
            if number >= minimum and (maximum is None or number <= maximum):
                return number
        limit = f" and at most {maximum}" if maximum is not None else ""
        self.problems.append(
            f"{name} is {raw[:40]!r}: it must be a whole number of at least {minimum}{limit}."
        )
        return default

    def boolean(
        self, name: str, default: bool, *, help: str, documented: str | None = None
    ) -> bool:
        """Return True for yes, true, on and 1; False for no, false, off and 0."""
        unset = "yes" if default else "no"
        raw = self.text(name, unset, help=help, documented=documented, kind="yes or no").lower()
        if raw in TRUE | FALSE:
            return raw in TRUE
        self.problems.append(f"{name} is {raw!r}: write yes or no.")
        return default

    def one_of(self, name: str, default: str, known: Collection[str], *, help: str) -> str:
        """Return one of the `known` values."""
        raw = self.text(name, default, help=help, kind="choice")
        if raw in known:
            return raw
        reason = (
            f"it must be one of {', '.join(known)}" if len(known) < 20 else "this value is unknown"
        )
        self.problems.append(f"{name} is {raw!r}: {reason}.")
        return default

    def words(
        self,
        name: str,
        default: Sequence[str] = (),
        *,
        help: str,
        documented: str | None = None,
    ) -> list[str]:
        """Return the comma-separated items."""
        kind = "comma-separated list"
        raw = self.text(name, ",".join(default), help=help, documented=documented, kind=kind)
        return [word.strip() for word in raw.split(",") if word.strip()]

    def watched_folders(self, name: str, *, help: str) -> dict[str, tuple[str, str]]:
        """Return brand and collection, which may be empty, by folder."""
        raw = self.text(name, help=help, kind="list separated by semicolons")
        folders: dict[str, tuple[str, str]] = {}
        for entry in filter(None, map(str.strip, raw.split(";"))):
            match = WATCHED.fullmatch(entry)
            if match is None:
                problem = (
                    f"{name}: {entry!r} is not like /folder=brand or /folder=brand:collection."
                )
                self.problems.append(problem)
                continue
            path, brand, collection = match.groups(default="")
            for other in folders:
                if Path(path).is_relative_to(other) or Path(other).is_relative_to(path):
                    self.problems.append(f"{name}: {path} and {other} are in each other.")
            folders[path] = (brand, collection.strip())
        return folders

    def database(self, name: str, *, help: str) -> dict[str, Any] | None:
        """Return a PostgreSQL URL as Django's dictionary; None when unset."""
        url = self.text(name, help=help, kind="URL")
        if not url:
            return None
        if not url.startswith(("postgres://", "postgresql://")):
            self.problems.append(
                f"{name} must start with postgres:// (Assetbank runs on PostgreSQL only)."
            )
            return None
        try:
            database: dict[str, Any] = dict(
                dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
            )
        except ValueError as error:
            self.problems.append(f"{name} cannot be read: {error}.")
            return None
        # An unavailable server must not block a request for minutes
        database["OPTIONS"] = {"connect_timeout": 5, **database.get("OPTIONS", {})}
        return database

    def storage(self, name: str, folder: Path, *, help: str) -> dict[str, Any]:
        """Return STORAGES["default"] for file://, s3://, gs:// or azure://; `folder` if unset."""
        url = self.text(name, help=help, kind="URL")
        if not url:
            return local_storage(folder)
        try:
            return storage_from_url(url)
        except ValueError as error:
            self.problems.append(f"{name} cannot be used: {error}.")
            return local_storage(folder)

    def email(self, name: str, *, help: str) -> dict[str, Any]:
        """Return an SMTP server's address; `host` is empty when unset."""
        url = self.text(name, help=help, kind="URL")
        try:
            return email_from_url(url)
        except ValueError as error:
            self.problems.append(f"{name} cannot be used: {error}.")
            return email_from_url("")

    def embedded_secret_key(self, folder: Path) -> str:
        """Return the secret key of a data folder; create it at the first start."""
        path, temporary = folder / "secret_key", folder / f".secret_key-{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                with open(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                    file.write(secrets.token_urlsafe(50))
                with contextlib.suppress(FileExistsError):
                    os.link(temporary, path)  # atomic, and the first process wins
                temporary.unlink()
            return path.read_text() or secrets.token_urlsafe(50)
        except OSError as error:
            self.problems.append(f"DATA_DIR {folder} is not writable: {error.strerror}.")
            return secrets.token_urlsafe(50)


def email_from_url(url: str) -> dict[str, Any]:
    """Parse `smtp://user:password@host:587?tls=yes&from=assets@example.com`.

    smtps:// uses TLS from the first byte. Raises ValueError with a sentence.
    """
    parts = urlsplit(url)
    if url and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
        raise ValueError("it is written like smtp://user:password@host:587?tls=yes")
    options, ssl = dict(parse_qsl(parts.query)), parts.scheme == "smtps"
    return {
        "host": parts.hostname or "",
        "port": parts.port or (465 if ssl else 25),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "tls": options.get("tls", "no").lower() in TRUE and not ssl,
        "ssl": ssl,
        "from": options.get("from", "assetbank@localhost"),
    }


def local_storage(folder: Path) -> dict[str, Any]:
    """Return STORAGES["default"] for a folder of this machine."""
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        # No base_url: files are not served by path, but by views that check permissions
        "OPTIONS": {"location": str(folder)},
    }


def storage_from_url(url: str) -> dict[str, Any]:
    """Return STORAGES["default"] for a URL.

    `s3://bucket/prefix?region=eu-west-1&endpoint=https://…&access_key=…&secret_key=…`,
    `gs://bucket/prefix`, `azure://container?account_name=…&account_key=…`, or `file:///folder`.
    Buckets stay private: links are signed and short-lived. Raises ValueError with a sentence.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "file":
        return local_storage(Path(unquote(parts.path)))
    builders = {"s3": _s3, "gs": _gcs, "azure": _azure}
    if parts.scheme not in builders:
        raise ValueError(f"{parts.scheme or url!r} is not one of file, s3, gs, azure")
    if not parts.netloc:
        raise ValueError(f"{parts.scheme}:// names no bucket")
    return builders[parts.scheme](parts.netloc, unquote(parts.path.strip("/")), options)


def _s3(bucket: str, prefix: str, options: dict[str, str]) -> dict[str, Any]:
    from botocore.config import Config  # takes a third of a second: only imported where needed

    option_names = {"region": "region_name", "endpoint": "endpoint_url"}
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "location": prefix,
            "querystring_auth": True,
            "querystring_expire": 300,
            "default_acl": None,
            "file_overwrite": False,
            # by default an unavailable bucket blocks a request for minutes
            "client_config": Config(
                connect_timeout=5, read_timeout=30, retries={"max_attempts": 2}
            ),
            **{option_names.get(key, key): value for key, value in options.items()},
        },
    }


def _gcs(bucket: str, prefix: str, options: dict[str, str]) -> dict[str, Any]:
    return {
        "BACKEND": "storages.backends.gcloud.GoogleCloudStorage",
        "OPTIONS": {
            "bucket_name": bucket,
            "location": prefix,
            "querystring_auth": True,
            "default_acl": None,
            "file_overwrite": False,
            **options,
        },
    }


def _azure(container: str, prefix: str, options: dict[str, str]) -> dict[str, Any]:
    return {
        "BACKEND": "storages.backends.azure_storage.AzureStorage",
        "OPTIONS": {
            "azure_container": container,
            "location": prefix,
            "expiration_secs": 300,
            "overwrite_files": False,
            **options,
        },
    }
