"""Repeated clicks, concurrent workers and faults in the studio: nothing is paid twice or stuck."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from assetbank.assets import update_asset
from assetbank.models import Asset
from generation.engines import dispatch
from generation.errors import EngineUnavailable
from generation.models import Generation
from generation.pipeline import cancel_generation, finish, requeue_orphans, retry_generation
from tests.conftest import Cast
from tests.generation.requests import ask, run

MakeAsset = Callable[..., Asset]
ASKED = {
    "prompt": "A red cape",
    "brand": "acme",
    "model": "sketch",
    "aspect_ratio": "1:1",
    "image_size": "1K",
    "count": "1",
}


def jobs_of(generation: Generation) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE lock = %s AND status = 'todo'",
            [f"generation-{generation.pk}"],
        )
        return int(cursor.fetchone()[0])


class TestTwoClicks:
    def test_they_make_one_generation(self, cast: Cast, make_asset: MakeAsset) -> None:
        client = Client()
        client.force_login(cast.creator)
        page = client.get("/studio/").content.decode()
        assert 'name="token" value="' in page
        asked = {**ASKED, "token": str(uuid.uuid4()), "references": make_asset().pk}
        first, second = client.post("/studio/", asked), client.post("/studio/", asked)
        made = Generation.objects.get()
        assert first.headers["Location"] == second.headers["Location"] == f"/generations/{made.pk}/"
        assert jobs_of(made) == 1
        assert made.reference_rows.count() == 1
        # the same page, shown again by the browser, with another prompt: a new request
        client.post("/studio/", {**asked, "prompt": "A blue cape"})
        client.post("/studio/", {**asked, "token": str(uuid.uuid4()), "anyway": "1"})
        assert Generation.objects.count() == 3

    def test_a_token_is_its_persons_own(self, cast: Cast) -> None:
        asked = {**ASKED, "token": "guessed", "anyway": "1"}
        for person in (cast.creator, cast.manager):
            client = Client()
            client.force_login(person)
            client.post("/studio/", asked)
        assert Generation.objects.count() == 2


def test_looking_at_the_studio_leaves_the_tray_alone(cast: Cast, make_asset: MakeAsset) -> None:
    used, chosen = make_asset(), make_asset()
    past = ask(cast, references=[used])
    client = Client()
    client.force_login(cast.creator)
    client.post("/tray/change/", {"add": chosen.pk})
    client.get(f"/studio/?from={past.pk}")
    assert client.session["tray"] == [chosen.pk]


class TestStuck:
    def test_what_nobody_expected_is_an_end(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(request: Any) -> Any:
            raise ZeroDivisionError("/secret")

        monkeypatch.setattr(dispatch, "draw", broken)
        done = run(ask(cast))
        assert (done.state, done.reason_code) == ("failed", "internal_error")
        assert "secret" not in done.reason

    def test_a_generation_that_ends_its_worker_is_not_begun_for_ever(self, cast: Cast) -> None:
        made = ask(cast)
        Generation.objects.update(state="running", attempts=finish.MAX_ATTEMPTS)
        assert run(made).reason_code == "worker_ended"

    def test_one_without_a_job_is_taken_up(self, cast: Cast) -> None:
        lost, waiting, done = ask(cast), ask(cast), ask(cast)
        Generation.objects.filter(pk=lost.pk).update(state="running")
        Generation.objects.filter(pk=done.pk).update(state="failed")
        with connection.cursor() as cursor:
            locks = [f"generation-{each.pk}" for each in (lost, done)]
            cursor.execute("DELETE FROM procrastinate_jobs WHERE lock = ANY(%s)", [locks])
        requeue_orphans()
        requeue_orphans()
        assert [jobs_of(each) for each in (lost, waiting, done)] == [1, 1, 0]


class TestCancelling:
    def test_a_retry_does_not_wait_behind_what_was_cancelled(self, cast: Cast) -> None:
        made = ask(cast)
        cancel_generation(person=cast.creator, generation=made)
        assert jobs_of(made) == 0
        retry_generation(person=cast.creator, generation=made)
        assert jobs_of(made) == 1

    def test_it_ends_at_once_when_the_engine_is_not_there(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = ask(cast)

        def away(request: Any) -> Any:
            cancel_generation(person=cast.creator, generation=made)
            raise EngineUnavailable("Away.", code="unreachable")

        monkeypatch.setattr(dispatch, "draw", away)
        assert run(made).state == "cancelled"


def test_rights_that_ended_while_it_waited(cast: Cast, make_asset: MakeAsset) -> None:
    asset = make_asset()
    made = ask(cast, references=[asset])
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    update_asset(asset=asset, expires_on=yesterday)
    done = run(made)
    assert (done.state, done.reason_code) == ("failed", "rights_expired")
