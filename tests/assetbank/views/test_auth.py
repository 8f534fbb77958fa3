"""Lockout after failed sign-ins, on pages and in the admin."""

from __future__ import annotations

import datetime

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.test import Client
from django.utils import timezone

from tests.conftest import Cast


def sign_in(client: Client, password: str, name: str = "manager", where: str = "/sign-in/") -> int:
    return client.post(where, {"username": name, "password": password}).status_code


@pytest.mark.parametrize("where", ["/sign-in/", "/admin/login/"])
def test_after_ten_guesses_not_even_the_right_password_helps(
    cast: Cast, client: Client, where: str
) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        assert sign_in(client, "guess", "staff", where) == 200
    assert sign_in(client, "guess", "staff", where) == 429
    locked = client.post(where, {"username": "staff", "password": "secret"})
    assert locked.status_code == 429
    assert "Try again 15 minutes after the last one." in locked.content.decode()


def test_others_still_come_in_and_a_success_forgets_what_was_mistyped(
    cast: Cast, client: Client
) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        sign_in(client, "guess")
    assert sign_in(Client(), "secret", "creator") == 302
    assert sign_in(client, "secret") == 302
    assert sign_in(Client(), "guess") == 200


def test_it_is_forgotten_after_a_while(cast: Cast, client: Client) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "guess")
    long_ago = timezone.now() - settings.AXES_COOLOFF_TIME - datetime.timedelta(seconds=1)
    AccessAttempt.objects.update(attempt_time=long_ago)
    assert sign_in(client, "secret") == 302


def test_no_script_but_ours_runs_in_a_page(cast: Cast, client: Client) -> None:
    policy = client.get("/sign-in/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
