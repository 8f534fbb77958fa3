"""Helpers of the API tests of all apps: clients with tokens, and tables of permissions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from tests.conftest import Cast, picture_bytes

EVERYBODY = ("anonymous", "outsider", "viewer", "creator", "manager", "staff")


def client_of(cast: Cast, name: str) -> APIClient:
    """Return a client with the token of a user; `anonymous` has none."""
    client = APIClient(raise_request_exception=False)
    if name != "anonymous":
        token, _ = Token.objects.get_or_create(user=getattr(cast, name))
        client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
    return client


def upload(data: bytes | None = None, name: str = "red-cape.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture_bytes() if data is None else data, "image/png")


@dataclass(frozen=True)
class Row:
    """One endpoint and method, and the status for each user, in the order of EVERYBODY."""

    method: str
    path: str
    statuses: tuple[int, int, int, int, int, int]
    body: dict[str, Any] = field(default_factory=dict)
    multipart: bool = False

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path} {' '.join(self.body)}"


def statuses(cast: Cast, row: Row, **ids: int) -> tuple[int, ...]:
    """Return the status for each user; the changes of each request are rolled back."""
    got = []
    for name in EVERYBODY:
        with transaction.atomic():
            got.append(ask(client_of(cast, name), row, **ids).status_code)
            transaction.set_rollback(True)
    return tuple(got)


def ask(client: APIClient, row: Row, **ids: int) -> Any:
    body: dict[str, Any] = {
        name: value() if callable(value) else ids.get(str(value).strip("{}"), value)
        for name, value in row.body.items()
    }
    send = getattr(client, row.method)
    if row.method == "get":
        return send(row.path.format(**ids), body)
    answer = send(row.path.format(**ids), body, format="multipart" if row.multipart else "json")
    if answer.status_code >= 400:
        error = answer.json()
        assert set(error) == {"code", "detail", "errors"}, error
        assert error["code"]
        assert error["detail"]
    return answer
