"""Idempotency-Key: a retry with the same key gets the first response, and nothing is done twice."""

from __future__ import annotations

import datetime
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from assetbank.http import idempotency
from assetbank.models import Asset, Collection, IdempotentRequest
from generation.models import Generation
from tests.conftest import Cast
from tests.generation.requests import answered
from tests.support.api import client_of, upload

COLLECTIONS = "/api/v1/collections/"


def post(client: APIClient, key: str, name: str = "Summer", brand: str = "acme") -> Any:
    headers = {"idempotency-key": key}
    return client.post(COLLECTIONS, {"brand": brand, "name": name}, headers=headers)


def test_a_second_request_gets_the_answer_of_the_first(cast: Cast) -> None:
    client = client_of(cast, "creator")
    first, second = post(client, "one"), post(client, "one")
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert (first.get("Location"), "Idempotent-Replayed" in first) == (
        second.get("Location"),
        False,
    )
    assert second["Idempotent-Replayed"] == "true"
    assert Collection.objects.count() == 1


def test_what_was_refused_is_refused_again_and_another_key_is_asked_anew(cast: Cast) -> None:
    client = client_of(cast, "creator")
    post(client, "one")
    refused, again = post(client, "two"), post(client, "two")
    assert (refused.status_code, refused.json()) == (again.status_code, again.json())
    assert refused.status_code == 400


def test_a_key_with_another_body_or_address_is_an_error(cast: Cast) -> None:
    client = client_of(cast, "creator")
    post(client, "one")
    other = post(client, "one", name="Winter")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Collection.objects.count() == 1


def test_keys_of_two_people_have_nothing_to_do_with_each_other(cast: Cast) -> None:
    assert post(client_of(cast, "creator"), "one", "Summer").status_code == 201
    assert post(client_of(cast, "manager"), "one", "Winter").status_code == 201
    assert IdempotentRequest.objects.count() == 2


def test_a_stranger_learns_nothing_from_a_key(cast: Cast) -> None:
    post(client_of(cast, "creator"), "one")
    assert post(client_of(cast, "anonymous"), "one").status_code == 401
    bad = APIClient(headers={"authorization": "Token wrong"})
    assert post(bad, "one").status_code == 401


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(cast: Cast, key: str) -> None:
    answer = post(client_of(cast, "creator"), key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key")


def test_an_upload_is_answered_again_too(cast: Cast) -> None:
    client = client_of(cast, "creator")

    def send() -> Any:
        body = {"file": upload(), "brand": "acme"}
        headers = {"idempotency-key": "picture"}
        return client.post("/api/v1/assets/", body, format="multipart", headers=headers)

    assert send().status_code == 201
    assert (send().status_code, Asset.objects.count()) == (201, 1)


def test_one_that_is_being_answered_is_a_conflict_until_it_is_given_up(cast: Cast) -> None:
    client = client_of(cast, "creator")
    post(client, "one")
    IdempotentRequest.objects.update(status=None)
    Collection.objects.all().delete()
    answer = post(client, "one")
    assert (answer.status_code, answer.json()["code"]) == (409, "being_answered")
    long_ago = timezone.now() - idempotency.ABANDONED_AFTER - datetime.timedelta(seconds=1)
    IdempotentRequest.objects.update(created_at=long_ago)
    assert post(client, "one").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_moment_one_is_done(cast: Cast) -> None:
    key, got = str(uuid.uuid4()), []
    clients = [client_of(cast, "creator") for _ in range(8)]
    together = threading.Barrier(len(clients))

    def run(client: APIClient) -> None:
        together.wait()
        got.append(post(client, key).status_code)
        connection.close()

    threads = [threading.Thread(target=run, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(got) <= {201, 409}
    assert Collection.objects.count() == 1


def test_answers_are_forgotten_after_days(cast: Cast) -> None:
    post(client_of(cast, "creator"), "one")
    assert idempotency.delete_expired() == 0
    IdempotentRequest.objects.update(created_at=timezone.now() - idempotency.RECORD_TTL)
    assert idempotency.delete_expired() == 1


def test_a_body_that_is_too_large_is_told_as_without_a_key(cast: Cast) -> None:
    answer = post(
        client_of(cast, "creator"), "large", name="x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_generation_is_not_asked_for_twice_though_its_answer_was_lost(cast: Cast) -> None:
    """The process is killed after it queued the generation, before it stores its response."""
    client = client_of(cast, "creator")
    body = {"brand": "acme", "prompt": "A red cape", "model": "sketch"}
    headers = {"idempotency-key": "paid"}
    first = client.post("/api/v1/generations/", body, headers=headers)
    IdempotentRequest.objects.all().delete()
    again = client.post("/api/v1/generations/", body, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]


def test_a_final_is_not_paid_twice_though_its_answer_was_lost(
    cast: Cast, settings: Any, make_asset: Callable[..., Asset]
) -> None:
    settings.GEMINI_API_KEY = "a-key"  # nothing is sent: no worker runs
    given = {"model": "gemini-nano-banana-2.1", "aspect_ratio": "1:1", "image_size": "1K"}
    drafted = Generation.objects.create(
        brand=cast.acme, prompt="A cape", state="succeeded", **given
    )
    output = drafted.outputs.create(
        take=answered(drafted), position=0, mime="image/png", asset=make_asset()
    )
    client, headers = client_of(cast, "creator"), {"idempotency-key": "final"}

    def ask(size: str) -> Any:
        body = {"image_size": size}
        return client.post(f"/api/v1/outputs/{output.pk}/finalise/", body, headers=headers)

    first = ask("2K").json()["id"]
    Generation.objects.filter(pk=first).update(state="succeeded")  # generated, and paid for
    IdempotentRequest.objects.all().delete()
    assert ask("2K").json()["id"] == first
    IdempotentRequest.objects.all().delete()
    assert ask("4K").json()["image_size"] == "4K", "forgotten keys come with other requests, too"


def test_who_is_signed_in_on_pages_has_keys_too(cast: Cast) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(cast.creator)
    forged = post(client, "one")
    assert (forged.status_code, forged.json()["code"]) == (403, "permission_denied")
    client.get("/collections/")
    client.defaults["HTTP_X_CSRFTOKEN"] = client.cookies["csrftoken"].value
    first, second = post(client, "one"), post(client, "one")
    assert (first.status_code, second.content) == (201, first.content)
    assert second["Idempotent-Replayed"] == "true"


def test_the_schema_names_the_header_of_every_post(cast: Cast) -> None:
    as_json = {"accept": "application/vnd.oai.openapi+json"}
    schema = client_of(cast, "staff").get("/api/schema/", headers=as_json).json()
    posts = [each["post"] for each in schema["paths"].values() if "post" in each]
    named = [{p["name"] for p in post.get("parameters", [])} for post in posts]
    assert posts
    assert all("Idempotency-Key" in names for names in named)
