"""Extension points: registered functions, their order, and that they are called."""

from __future__ import annotations

import importlib
import sys
import threading

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from assetbank import hooks
from assetbank.demo import library
from assetbank.hooks import Hook

EVERY: dict[str, list[str]] = {
    "terms_tightened": ["generation.lineage.inheritance.propagate_terms"],
    "term_bounds": ["generation.lineage.inheritance.source_assets"],
    "approval_checks": ["generation.review.inspect.approval_blockers"],
    "asset_decided": ["generation.webhooks.asset_decided"],
    "assets_merged": [
        "search.saved.searches.follow_merge",
        "generation.lineage.references.follow_merge",
    ],
    "searched_fields_changed": ["search.receivers.searched_fields_changed"],
    "file_replaced": [
        "search.receivers.forget_earlier_file",
        "generation.review.inspect.inspect_replaced",
    ],
    "trash_changed": [
        "search.receivers.request_index",
        "generation.review.inspect.trash_changed",
    ],
    "deletion_impact": [
        "search.saved.impact.deletion_impact",
        "generation.lineage.impact.deletion_impact",
    ],
    "demo_loaded": ["generation.demo.load"],
    "health_checks": [
        "assetbank.health.database",
        "assetbank.health.files",
        "assetbank.health.decoders",
        "assetbank.health.workers",
        "assetbank.health.watched_folders",
        "search.health.vectors",
        "search.health.encoder",
        "search.health.index",
        "generation.health.engines_part",
    ],
    "web_started": ["search.query.embedding.preload_text_encoder"],
}


def registered() -> dict[str, list[str]]:
    return {
        name: [f"{each.__module__}.{each.__name__}" for each in hook.functions]
        for name, hook in vars(hooks).items()
        if isinstance(hook, Hook)
    }


def start() -> None:
    """Import the WSGI application again, as a web server does when it starts."""
    sys.modules.pop("assetbank.wsgi", None)
    importlib.import_module("assetbank.wsgi")


def test_functions_are_called_in_order_and_their_answers_returned() -> None:
    hook: Hook[[int], int] = Hook()
    assert hook(2) == []

    def double(number: int) -> int:
        return 2 * number

    def negative(number: int) -> int:
        return -number

    for function in (double, negative, double):
        hook.register(function)
    assert hook(3) == [6, -3]


def test_a_hook_that_raises_stops_its_caller() -> None:
    hook: Hook[[], None] = Hook()
    called: list[str] = []

    def refuse() -> None:
        raise ValueError("no")

    hook.register(refuse)
    hook.register(lambda: called.append("after"))
    with pytest.raises(ValueError, match="no"):
        hook()
    assert not called


def test_every_app_has_registered_in_order_and_once_even_if_started_twice() -> None:
    assert registered() == EVERY
    for app in ("generation", "search", "assetbank"):
        apps.get_app_config(app).ready()
    assert registered() == EVERY


def test_a_web_process_warms_up_beside_the_first_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    over = threading.Event()

    def warm_up() -> None:
        threads.append(threading.current_thread())
        over.set()

    monkeypatch.setattr(library, "refuse_in_production", lambda: None)
    monkeypatch.setattr(hooks.web_started, "functions", [warm_up])
    start()
    assert over.wait(10)
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon


@pytest.mark.django_db
def test_a_web_process_does_not_start_with_demo_sign_ins(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[None] = []
    monkeypatch.setattr(hooks.web_started, "functions", [lambda: started.append(None)])
    User.objects.create_user("staff", email=f"staff@{library.DOMAIN}", password="public")
    settings.EMBEDDED = False
    with pytest.raises(ImproperlyConfigured, match="password is public"):
        start()
    assert not started
