"""Helpers of the tests of pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(response: Any) -> str:
    return str(response.content.decode())
