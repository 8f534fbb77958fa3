"""Catalogue of models: which are on offer, and requests that are refused before they are sent."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from generation.billing import ledger
from generation.engines import DrawRequest, ReferenceImage, catalog, dispatch
from generation.engines.sketch import engine
from generation.errors import InvalidRequest, ModelRetired
from generation.models import EngineModel, Generation
from generation.pipeline import run_generation, submit
from tests.conftest import Cast

pytestmark = pytest.mark.usefixtures("shipped")
REQUEST = DrawRequest(
    prompt="A cape on a marble staircase",
    references=(),
    model="sketch",
    aspect_ratio="16:9",
    image_size="1K",
)
NEWEST = "gemini-nano-banana-2.1"


@pytest.fixture
def with_key(settings: Settings) -> None:
    settings.GEMINI_API_KEY = "a-key"


def given(*roles: str) -> tuple[ReferenceImage, ...]:
    return tuple(ReferenceImage(b"", "image/png", "Cape", role) for role in roles)


def test_without_a_key_only_sketches_are_on_offer(settings: Settings) -> None:
    settings.GEMINI_API_KEY, settings.GEMINI_USE_VERTEX = "", False
    assert [entry.id for entry in catalog.available_models()] == ["sketch"]
    assert dispatch.draw(REQUEST) == engine.draw(REQUEST)


def test_what_is_on_offer_is_the_table_in_its_order_without_the_retired(
    with_key: None, django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(1):
        offered = [entry.id for entry in catalog.available_models()]
    assert (offered[0], offered[-1]) == (NEWEST, "sketch")
    assert "gemini-2.5-flash-image" not in offered
    EngineModel.objects.filter(pk=NEWEST).update(offered=False)
    assert NEWEST not in [entry.id for entry in catalog.available_models()]


def test_an_unknown_model_is_answered_with_the_known_ones(settings: Settings) -> None:
    settings.GEMINI_API_KEY, settings.GEMINI_USE_VERTEX = "", False
    with pytest.raises(InvalidRequest, match="Available models: sketch") as raised:
        dispatch.draw(replace(REQUEST, model="gemini-3-pro-image"))
    assert raised.value.code == "unknown_model"


def test_a_retired_model_says_so_and_names_its_successor(with_key: None) -> None:
    with pytest.raises(ModelRetired) as raised:
        catalog.get_model("gemini-2.5-flash-image")
    assert raised.value.message == (
        "Nano Banana was retired by Google on 2 October 2026; its successor is Nano Banana 2.1."
    )
    assert (raised.value.code, raised.value.successor) == ("model_retired", NEWEST)


def test_the_successor_is_one_that_can_be_asked(with_key: None) -> None:
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    EngineModel.objects.filter(pk=NEWEST).update(
        retires_on=yesterday, successor="gemini-3-pro-image"
    )
    with pytest.raises(ModelRetired) as raised:
        catalog.get_model("gemini-2.5-flash-image")
    assert raised.value.successor == "gemini-3-pro-image"
    EngineModel.objects.filter(pk="gemini-3-pro-image").update(
        retires_on=yesterday, successor=NEWEST
    )
    with pytest.raises(ModelRetired, match="Choose another model") as raised:
        catalog.get_model("gemini-2.5-flash-image")
    assert raised.value.successor == ""


def test_a_model_that_retires_soon_is_still_there_and_says_until_when(with_key: None) -> None:
    today = timezone.localdate()
    chosen = catalog.get_model(NEWEST)
    for days, said in ((1, True), (30, True), (31, False)):
        chosen.retires_on = today + datetime.timedelta(days=days)
        assert bool(catalog.retires_soon_sentence(chosen)) == said
    EngineModel.objects.filter(pk=NEWEST).update(retires_on=today + datetime.timedelta(days=1))
    assert catalog.get_model(NEWEST)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"prompt": " \n"}, "empty_prompt", "Describe"),
        ({"aspect_ratio": "7:3"}, "unknown_aspect_ratio", "16:9"),
        ({"image_size": "8K"}, "unknown_image_size", "2K"),
        ({"references": given(*[""] * 15)}, "too_many_references", "at most 14"),
        ({"references": given(*["character"] * 5)}, "too_many_references", "at most 4 .*Character"),
    ],
)
def test_requests_are_checked_before_they_are_drawn(
    with_key: None, change: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as raised:
        dispatch.draw(replace(REQUEST, model=NEWEST, **change))
    assert raised.value.code == code


@pytest.mark.parametrize("ability", ["refines", "in_bulk"])
def test_what_a_model_cannot_do_is_refused(with_key: None, ability: str) -> None:
    wanted: dict[str, Any] = {"prompt": "x", "aspect_ratio": "1:1", "image_size": "", ability: True}
    catalog.validate_options(catalog.get_model(NEWEST), **wanted)
    with pytest.raises(InvalidRequest, match="Choose another model"):
        catalog.validate_options(catalog.get_model("sketch"), **wanted)


def test_programs_are_told_the_successor_and_what_a_picture_costs(
    with_key: None, cast: Cast
) -> None:
    api = APIClient()
    api.force_authenticate(cast.creator)
    refused = api.post(
        "/api/v1/generations/",
        {"prompt": "x", "brand": "acme", "model": "gemini-2.5-flash-image"},
    )
    assert refused.status_code == 400
    assert refused.json()["code"] == "model_retired"
    assert refused.json()["successor"] == NEWEST
    first = api.get("/api/v1/models/").json()["results"][0]
    assert first["id"] == NEWEST
    assert first["usd_per_picture"] == {"1K": "0.0336", "2K": "0.0504", "4K": "0.1134"}


def test_a_model_that_retired_while_its_request_waited_is_not_asked(
    with_key: None, cast: Cast
) -> None:
    waiting = submit(
        person=cast.creator, brand=cast.acme, prompt="x", model=NEWEST, aspect_ratio="1:1"
    )
    EngineModel.objects.filter(pk=NEWEST).update(
        retires_on=timezone.localdate(), successor="gemini-3-pro-image"
    )
    run_generation(generation_id=waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason_code) == ("failed", "model_retired")
    assert "its successor is Nano Banana Pro" in waiting.reason
    assert ledger.reserved_usd(waiting) == 0


def test_the_studio_starts_with_the_successor_and_says_why(with_key: None, cast: Cast) -> None:
    past = Generation.objects.create(
        brand=cast.acme, prompt="x", model="gemini-2.5-flash-image", created_by=cast.creator
    )
    page = Client()
    page.force_login(cast.creator)
    shown = page.get(f"/studio/?from={past.pk}").content.decode()
    assert "Nano Banana was retired by Google" in shown
    chosen = re.findall(r'<option value="([^"]+)"[^>]* selected', shown)
    assert NEWEST in chosen
